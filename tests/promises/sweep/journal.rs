//! The journal is told of a sweep where its output leads there.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;

use super::NOBODY;
use crate::guard::log::{JOURNAL, be_a_journal, fill, line};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_sweep_tells_the_journal_with_fields", fields),
        each(
            "a_journal_that_nobody_reads_does_not_hold_a_sweep_up",
            nobody_reads,
        ),
    ]
    .into_iter()
}

/// The command, with both outputs in a file. systemd says in `JOURNAL_STREAM` which one leads to the journal; this one, or another.
fn with_stream(scene: &Scene, words: &str, is_this: bool) -> Checked<Command> {
    let stream = File::create(file("stream")).doing("make a stream")?;
    let meant = stream.metadata().doing("look at it")?;
    let inode = meant.ino() + u64::from(!is_this);
    let words: Vec<&str> = words.split(' ').collect();
    let mut command = pidward(scene, &words);
    command.env("JOURNAL_STREAM", format!("{}:{inode}", meant.dev()));
    command
        .stdout(stream.try_clone().doing("give it")?)
        .stderr(stream);
    Ok(command)
}

/// Ends well, and soon; what it has said on the stream.
fn said(mut command: Command) -> Checked<String> {
    let mut child = command.spawn().doing("start it")?;
    let pid = i32::try_from(child.id()).doing("a PID")?;
    let process = Process::open(pid).ok_or("none").doing("the sweep")?;
    if !process.dies_by(Deadline::seconds(10)) {
        child.kill().doing("kill it")?;
        child.wait().doing("wait for it")?;
        return Err(Failure::new("it is held up", format!("{command:?}")));
    }
    let ended = child.wait().doing("wait for it")?;
    let said = fs::read_to_string(file("stream")).doing("read what was said")?;
    match ended.success() {
        true => Ok(said),
        false => Err(Failure::new("another end", format!("{ended:?}: {said}"))),
    }
}

fn fields(scene: &Scene) -> Checked {
    let journal = be_a_journal()?;
    for (words, is_there) in [
        ("sweep x.pid", true),
        ("sweep x.pid", false),
        ("run -p x.pid true", true),
    ] {
        scene.clear()?;
        write("x.pid", NOBODY)?;
        let said = said(with_stream(scene, words, is_there)?)?;
        if !is_there {
            let line = "removed  /mnt/daemon/x.pid  pid 2147483647 is no process (dead)";
            if !said.contains(line) {
                return Err(Failure::new("it is not said", said));
            }
            continue;
        }
        let entry = line(&journal)?;
        let has = |part: &str| entry.lines().any(|line| line == part);
        let has_message = entry.starts_with("MESSAGE=removed ") && entry.contains("(dead)\n");
        let has_fields =
            has("PIDFILE=/mnt/daemon/x.pid") && has("VERDICT=dead") && has("PRIORITY=6");
        if !said.is_empty() || !has_message || !has_fields {
            return Err(Failure::new("another entry", format!("{said}\n{entry}")));
        }
    }
    Ok(())
}

/// It says what it does on standard output then.
fn nobody_reads(scene: &Scene) -> Checked {
    let _journal = be_a_journal()?;
    fill(JOURNAL)?;
    scene.clear()?;
    for name in ["x.pid", "y.pid"] {
        write(name, NOBODY)?;
    }
    let said = said(with_stream(scene, "sweep x.pid y.pid", true)?)?;
    match said.matches("(dead)\n").count() {
        2 => Ok(()),
        _ => Err(Failure::new("it is not said", said)),
    }
}
