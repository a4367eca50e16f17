//! The answer of a sweep for programs: one array, with the same keys whatever was done.

use pidward_tests::failure::{Checked, Doing, Failure};
use serde_json::Value;

use super::{NOBODY, write_long_ago};
use crate::answer::{Answer, ask};
use crate::promise::Promise;
use crate::scene::{Scene, write};

/// In alphabetical order.
const KEYS: [&str; 10] = [
    "action", "class", "message", "path", "pid", "pidfile", "process", "reason", "record", "what",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_sweeps_json_has_the_same_keys_for_all_it_does", keys),
        each("a_sweeps_json_of_nothing_is_an_empty_array", |scene| {
            scene.clear()?;
            let answer = ask(scene, "sweep --json .")?;
            answer.is(0, answer.out == "[]\n", "[]")
        }),
        each("a_progress_bar_is_drawn_only_on_a_terminal", progress),
    ]
    .into_iter()
}

fn keys(scene: &Scene) -> Checked {
    scene.clear()?;
    write_long_ago(".y.pid.pidward", NOBODY)?;
    write("x\n\".pid", NOBODY)?;
    write("z.pid.ward", "pidward 1\n")?;
    write("garbled.pid", "x\n")?;
    let answer = ask(scene, "sweep --json . missing.pid")?;
    answer.is(0, true, "JSON")?;
    let found: Vec<Value> =
        serde_json::from_str(&answer.out).doing(format!("read {}", answer.out))?;
    let mut done = Vec::new();
    for object in &found {
        let keys = object.as_object().map(|it| it.keys().map(String::as_str));
        let mut keys: Vec<&str> = keys.into_iter().flatten().collect();
        keys.sort_unstable();
        if keys != KEYS {
            return Err(Failure::new("other keys", object));
        }
        let word = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or("null");
        let pidfile = word("pidfile").rsplit('/').next().unwrap_or_default();
        done.push(format!(
            "{} {} {} {pidfile}",
            word("what"),
            word("action"),
            word("reason")
        ));
    }
    done.sort();
    let expected = [
        "aside removed dead y.pid",
        "pidfile left garbled garbled.pid",
        "pidfile missing missing missing.pid",
        "pidfile removed dead x\n\".pid",
        "record removed null z.pid",
    ];
    match done == expected {
        true => Ok(()),
        false => Err(Failure::new("other deeds", format!("{done:#?}"))),
    }
}

/// Enough of them to take a while.
fn progress(scene: &Scene) -> Checked {
    scene.clear()?;
    // Whoever has put one aside is waited for, so that it takes longer than a bar needs to come: the first or the last
    // one, as the directory is read.
    write(".a.pid.pidward", NOBODY)?;
    for number in 0..100 {
        write(&format!("{number}.pid"), "x\n")?;
    }
    write(".b.pid.pidward", NOBODY)?;
    let pidward = scene.release.join("pidward").display().to_string();
    let mut command = crate::compare::bare("/usr/bin/script".as_ref());
    command.current_dir(crate::scene::HOME);
    command.args(["-qec", &format!("{pidward} sweep . >out"), "/dev/null"]);
    let shown = Answer::of(command)?;
    let bar = |answer: &Answer| answer.out.contains("] ") && answer.out.contains(" of 102");
    shown.is(
        0,
        bar(&shown) && shown.out.ends_with("\r\x1b[K"),
        "a bar, and no more of it",
    )?;
    write(".a.pid.pidward", NOBODY)?;
    let plain = ask(scene, "sweep .")?;
    plain.is(0, !plain.out.contains(" of "), "no bar")
}
