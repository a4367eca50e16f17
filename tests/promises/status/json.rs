//! The answer for programs: JSON with the same keys whatever the verdict.

use pidward_tests::failure::{Checked, Doing, Failure};
use serde_json::{Value, json};

use super::status;
use crate::guard::post::{daemon, guarded, kill, ready};
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
