//! The answer for programs: JSON with the same keys whatever the verdict.

use pidward_tests::failure::{Checked, Doing, Failure};
use serde_json::{Value, json};

use super::reused::with_old_number;
use super::status;
use crate::guard::post::{daemon, guarded, kill, ready};
use crate::number::abandoned;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

/// In alphabetical order.
const KEYS: [&str; 9] = [
    "class", "message", "pid", "pid_is", "pidfile", "process", "reason", "record", "running",
];
const OF_PROCESS: [&str; 4] = ["name", "start", "uid", "up"];
const OF_RECORD: [&str; 13] = [
    "boot", "exe", "file", "guard", "handle", "machine", "pid", "pidfd", "pidns", "size", "start",
    "uid", "written",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("json_has_the_same_keys_for_every_verdict", keys),
        each("json_says_what_the_line_says", verified),
        each("json_says_what_has_the_number_now", numbers),
        each("json_of_nothing_is_an_empty_array", |scene| {
            scene.clear()?;
            let empty = answer(scene, &["--json"], 0)?;
            expect("array", &Value::Array(empty), &json!([]))
        }),
    ]
    .into_iter()
}

fn answer(scene: &Scene, arguments: &[&str], code: i32) -> Checked<Vec<Value>> {
    let answer = status(scene, arguments)?;
    answer.is(code, true, "JSON")?;
    serde_json::from_str(&answer.out).doing(format!("read {}", answer.out))
}

fn expect(what: &str, found: &Value, expected: &Value) -> Checked {
    match found == expected {
        true => Ok(()),
        false => Err(Failure::new(
            format!("another {what}"),
            format!("{found}\nexpected {expected}"),
        )),
    }
}

fn has_keys(what: &str, object: &Value, expected: &[&str]) -> Checked {
    let mut keys: Vec<&str> = object
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default();
    keys.sort_unstable();
    expect(
        &format!("set of keys of {what}"),
        &json!(keys),
        &json!(expected),
    )
}

fn keys(scene: &Scene) -> Checked {
    let (running, _, _) = guarded(scene)?;
    kill(ready(daemon("make open stale.pid say ready hear"))?)?;
    write("garbled.pid", "x\n")?;
    let odd = "a\n\"\\\u{e9}.pid";
    write(odd, "")?;
    let arguments = [
        "--json",
        "x.pid",
        "stale.pid",
        "garbled.pid",
        odd,
        "missing.pid",
    ];
    let all = answer(scene, &arguments, 4)?;
    let mut verdicts = Vec::new();
    for object in &all {
        has_keys("the answer", object, &KEYS)?;
        verdicts.push(json!([
            object["class"],
            object["reason"],
            object["running"]
        ]));
    }
    let expected = json!([
        ["running", "verified", true],
        ["stale", "dead", false],
        ["unknown", "garbled", false],
        ["unknown", "empty", false],
        ["missing", "missing", false],
    ]);
    expect("verdict", &Value::Array(verdicts), &expected)?;
    expect("path", &all[3]["pidfile"], &json!(format!("{HOME}/{odd}")))?;
    expect("record of none", &all[1]["record"], &Value::Null)?;
    expect("process of none", &all[1]["process"], &Value::Null)?;
    kill(running).map(drop)
}

/// Never a process ID beside `"running": false` without saying whose it is.
fn numbers(scene: &Scene) -> Checked {
    let is = |pid_is: &str, class: &str| -> Checked {
        let all = answer(scene, &["--json", "x.pid"], exit_of(class))?;
        let found = json!([all[0]["pid_is"], all[0]["class"], all[0]["running"]]);
        expect(
            "number",
            &found,
            &json!([pid_is, class, class == "running"]),
        )?;
        expect(
            "kind of process",
            &all[0]["pid"].is_u64().into(),
            &json!(true),
        )
    };
    let (daemon, guard, _) = guarded(scene)?;
    is("owner", "running")?;
    kill(daemon)?;
    for (kind, pid_is) in [("another_program", "stranger"), ("a_thread", "thread")] {
        let (_, stranger) = with_old_number(scene, kind)?;
        is(pid_is, "stale")?;
        kill(stranger)?;
    }
    abandoned(scene)?;
    is("nobody", "stale")?;
    // The number of a guard, of a daemon that is another's.
    drop(guard);
    let (daemon, guard, _) = guarded(scene)?;
    write("y.pid", format!("{}\n", guard.pid))?;
    let all = answer(scene, &["--json", "y.pid"], 1)?;
    let found = json!([all[0]["pid_is"], all[0]["reason"], all[0]["running"]]);
    expect("number", &found, &json!(["pidward", "thread", false]))?;
    // Nothing is known of a process that the file may not speak for.
    std::os::unix::fs::chown(file("x.pid"), Some(65534), None).doing("give it away")?;
    is("unknown", "unknown")?;
    write("z.pid", "x\n")?;
    let all = answer(scene, &["--json", "z.pid"], 4)?;
    let found = json!([all[0]["pid"], all[0]["pid_is"]]);
    expect("number", &found, &json!([null, null]))?;
    kill(daemon).map(drop)
}

/// The LSB's exit status of `status`.
fn exit_of(class: &str) -> i32 {
    match class {
        "running" => 0,
        "stale" => 1,
        _ => 4,
    }
}

fn verified(scene: &Scene) -> Checked {
    use std::os::unix::fs::MetadataExt;
    let (daemon, guard, _) = guarded(scene)?;
    let all = answer(scene, &["--json", "x.pid"], 0)?;
    let [object] = &all[..] else {
        return Err(Failure::new("not one object", format!("{all:?}")));
    };
    has_keys("the process", &object["process"], &OF_PROCESS)?;
    has_keys("the record", &object["record"], &OF_RECORD)?;
    let pid = daemon.process.pid;
    let (process, record) = (&object["process"], &object["record"]);
    let found = json!([
        object["pid"],
        process["name"],
        process["uid"],
        record["pid"],
        record["guard"],
        record["uid"],
        record["file"]
    ]);
    let inode = file("x.pid").metadata().doing("look at x.pid")?.ino();
    expect(
        "value",
        &found,
        &json!([pid, "legacy", 0, pid, guard.pid, 0, inode]),
    )?;
    expect("start", &process["start"], &record["start"])?;
    let line = status(scene, &["x.pid"])?.out;
    let message = object["message"].as_str().unwrap_or_default();
    match line.contains(message) && message.ends_with("(verified by pidfd handle)") {
        true => kill(daemon).map(drop),
        false => Err(Failure::new(
            "another message",
            format!("{line}\n{message}"),
        )),
    }
}
