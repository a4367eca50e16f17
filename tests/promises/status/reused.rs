//! A number that another process has got is not the daemon's any more, and a record proves it: whatever the stranger is,
//! and by whatever proof. Nothing reaches it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use crate::answer::{LEVELS, ask, ask_without};
use crate::compare::bare;
use crate::guard::post::{Post, daemon, guarded, kill, ready};
use crate::legacy::Legacy;
use crate::number::{IDLE, abandoned, abandoned_idle, start_of, with_number, with_thread};
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file};

/// What the stranger may be like.
const STRANGERS: &[&str] = &[
    "another_program",
    "another_program_of_the_same_user",
    "the_same_program_and_arguments",
    "a_thread",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "a_number_that_a_stranger_has_got_is_stale_and_left_alone",
        STRANGERS,
        stranger,
    )
    .chain([
        each("a_stranger_that_is_a_zombie_is_dead", zombie),
        each(
            "a_stranger_of_the_same_clock_tick_is_told_apart_by_pidfd",
            same_tick,
        ),
        each(
            "a_new_instance_with_the_old_number_is_running",
            new_instance,
        ),
    ])
}

/// A recorded daemon is dead, and a stranger of this kind has its number.
pub(crate) fn with_old_number(scene: &Scene, kind: &str) -> Checked<(i32, Legacy)> {
    let pid = abandoned_idle(scene)?;
    let stranger = match kind {
        "another_program" => with_number(pid, || {
            let mut command = shell();
            command.uid(65534).gid(65534);
            command
        })?,
        "another_program_of_the_same_user" => with_number(pid, shell)?,
        "a_thread" => return Ok((pid, with_thread(pid)?)),
        _ => with_number(pid, || daemon(IDLE))?,
    };
    Ok((pid, stranger))
}

fn shell() -> Command {
    let mut command = bare("/bin/sh".as_ref());
    command.args(["-c", "echo ready; read line"]);
    command
}

fn stranger(scene: &Scene, kind: &str) -> Checked {
    for (without, _) in LEVELS {
        let (pid, stranger) = with_old_number(scene, kind)?;
        let ask = |line: &str| ask_without(scene, without, line);
        let begin = format!("stale    {HOME}/x.pid  pid {pid} is now ");
        ask("status x.pid")?.is_line(1, &begin, "(reused)")?;
        for refused in [
            "signal KILL x.pid",
            "signal --unverified KILL x.pid",
            "adopt x.pid",
        ] {
            let parts = ["did not ", &format!("PID {pid} is now ")];
            ask(refused)?.is_refusal(7, &parts)?;
        }
        ask("wait x.pid")?.is_lines(0, &[])?;
        ask("stop --schedule KILL/5 x.pid")?.is_line(0, "removed ", "(reused)")?;
        if file("x.pid").exists() || Record::path(&file("x.pid")).exists() {
            return Err(Failure::new("the pidfile stays", without));
        }
        if stranger.process.is_dead() {
            return Err(Failure::new("the stranger was signalled", without));
        }
        kill(stranger)?;
    }
    Ok(())
}

/// A stranger that has the number and is a zombie.
pub(crate) fn zombie_with_old_number(scene: &Scene) -> Checked<Legacy> {
    let pid = abandoned(scene)?;
    let stranger = ready_with(pid)?;
    stranger.process.signal(Signal::SIGKILL).doing("kill it")?;
    match stranger.process.dies_by(Deadline::seconds(10)) {
        true => Ok(stranger),
        false => Err(Failure::new("the test itself", "it does not die")),
    }
}

fn zombie(scene: &Scene) -> Checked {
    let stranger = zombie_with_old_number(scene)?;
    for (without, _) in LEVELS {
        ask_without(scene, without, "status x.pid")?.is_line(1, "stale  ", "(dead)")?;
        ask_without(scene, without, "signal KILL x.pid")?.is_refusal(7, &["is no process"])?;
    }
    kill(stranger).map(drop)
}

fn ready_with(pid: i32) -> Checked<Legacy> {
    let mut stranger = with_number(pid, || daemon(IDLE))?;
    stranger.says("ready")?;
    Ok(stranger)
}

/// A stranger that has the number, and the start time that was recorded: as if both had started within one tick.
pub(crate) fn of_the_same_tick(scene: &Scene) -> Checked<Legacy> {
    let pid = abandoned(scene)?;
    let stranger = ready_with(pid)?;
    let start = start_of(pid)?;
    let record = Record::path(&file("x.pid"));
    let text = fs::read_to_string(&record).doing("read the record")?;
    let line = text.lines().find(|line| line.starts_with("start "));
    let line = line.ok_or("no start").doing("read the record")?;
    let text = text.replace(line, &format!("start {start}"));
    fs::write(&record, text).doing("write the record")?;
    Ok(stranger)
}

/// Only the start time cannot tell it, and it is said to be the proof.
fn same_tick(scene: &Scene) -> Checked {
    let stranger = of_the_same_tick(scene)?;
    for without in ["", "handle"] {
        ask_without(scene, without, "status x.pid")?.is_line(1, "stale  ", "(reused)")?;
        ask_without(scene, without, "signal KILL x.pid")?.is_refusal(7, &["is now legacy"])?;
    }
    let by_start = ask_without(scene, "handle,inode", "status x.pid")?;
    by_start.is_line(0, "running", "(verified by start time)")?;
    match stranger.process.is_dead() {
        true => Err(Failure::new("the stranger was signalled", "")),
        false => kill(stranger).map(drop),
    }
}

/// It has written the same text, so the file is another: the record beside it means nothing. Even when the inode is the
/// same.
fn new_instance(scene: &Scene) -> Checked {
    for way in ["open", "rename"] {
        let pid = abandoned(scene)?;
        let inode = || Ok(fs::metadata(file("x.pid")).doing("look at it")?.ino());
        let before = inode()?;
        let steps = format!("make {way} x.pid say ready hear");
        let mut new = with_number(pid, || daemon(&steps))?;
        new.says("ready")?;
        if (inode()? == before) != (way == "open") {
            return Err(Failure::new("the test itself", way));
        }
        for (without, _) in LEVELS {
            ask_without(scene, without, "status x.pid")?.is_line(0, "running", "(unverified)")?;
        }
        kill(new)?;
    }
    // With a guard of its own it is verified.
    let (daemon, _, _) = guarded(scene)?;
    ask(scene, "status x.pid")?.is_line(0, "running", "(verified by pidfd handle)")?;
    kill(daemon)?;
    // A number that nobody ever recorded.
    scene.clear()?;
    let post = Post::at("x.pid")?;
    kill(ready(self::daemon("make open x.pid say ready hear"))?)?;
    ask(scene, "status x.pid")?.is_line(1, "stale  ", "(dead)")?;
    match post.is_there() {
        true => Ok(()),
        false => Err(Failure::new("status removed it", "")),
    }
}
