//! A number that another process has got is not the daemon's any more, and a record proves it.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::evidence;

use super::status;
use crate::guard::post::{daemon, guarded, kill, leaves};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{HOME, Scene};

/// How often to try: some other process may get the number first.
const TRIES: usize = 20;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_number_that_a_stranger_has_got_is_stale", stranger),
        each(
            "a_new_instance_with_the_old_number_is_running",
            new_instance,
        ),
    ]
    .into_iter()
}

/// A PID that a recorded daemon had, whose guard was killed before it.
fn abandoned(scene: &Scene) -> Checked<i32> {
    let (daemon, guard, post) = guarded(scene)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    let pid = daemon.process.pid;
    kill(daemon)?;
    match post.is_there() && post.has_record() {
        true => Ok(pid),
        false => Err(Failure::new("the test itself", evidence())),
    }
}

/// Starts it as the process with this number, pid_namespaces(7).
fn with_number(pid: i32, command: impl Fn() -> Command) -> Checked<Legacy> {
    for _ in 0..TRIES {
        let last = (pid - 1).to_string();
        fs::write("/proc/sys/kernel/ns_last_pid", last).doing("set the last PID")?;
        let started = Legacy::start(command())?;
        if started.process.pid == pid {
            return Ok(started);
        }
        kill(started)?;
    }
    Err(Failure::new(
        "the test itself",
        format!("PID {pid} is not to be had"),
    ))
}

fn stranger(scene: &Scene) -> Checked {
    let pid = abandoned(scene)?;
    let mut stranger = with_number(pid, || daemon("say ready hear"))?;
    stranger.says("ready")?;
    let begin = format!("stale    {HOME}/x.pid  pid {pid} is now legacy, ");
    status(scene, &["x.pid"])?.is_line(1, &begin, "(reused)")?;
    kill(stranger)?;
    // The same number without a process: dead, as it was.
    status(scene, &["x.pid"])?.is_line(1, "stale  ", "(dead)")
}

/// It has written the same text, so the file is another: the record beside it means nothing.
fn new_instance(scene: &Scene) -> Checked {
    for way in ["open", "rename"] {
        let pid = abandoned(scene)?;
        let steps = format!("make {way} x.pid say ready hear");
        let mut new = with_number(pid, || daemon(&steps))?;
        new.says("ready")?;
        status(scene, &["x.pid"])?.is_line(0, "running", "(unverified)")?;
        kill(new)?;
    }
    // With a guard of its own it is verified.
    let (daemon, _, _) = guarded(scene)?;
    status(scene, &["x.pid"])?.is_line(0, "running", "(verified by pidfd handle)")?;
    kill(daemon).map(drop)
}
