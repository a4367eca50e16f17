//! A number that another gets: a recorded daemon dies unseen, and its number is given out again, pid_namespaces(7).

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::evidence;

use crate::guard::post::{Post, daemon, guard, guarded, kill, leaves, ready, start};
use crate::legacy::Legacy;
use crate::scene::{Scene, write};

/// How often to try: some other process may get the number first.
const TRIES: usize = 20;

/// The steps of a daemon that leaves it to others to write its pidfile.
pub(crate) const IDLE: &str = "say ready hear";

/// A PID that a recorded daemon had, whose guard was killed before it.
pub(crate) fn abandoned(scene: &Scene) -> Checked<i32> {
    abandon(guarded(scene)?)
}

/// The same of a daemon whose program and arguments a stranger can have too.
pub(crate) fn abandoned_idle(scene: &Scene) -> Checked<i32> {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = ready(daemon(IDLE))?;
    write("x.pid", format!("{}\n", daemon.process.pid))?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(daemon.process.pid)?;
    abandon((daemon, guard, post))
}

fn abandon((daemon, guard, post): (Legacy, pidward_tests::process::Process, Post)) -> Checked<i32> {
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    let pid = daemon.process.pid;
    let start = start_of(pid)?;
    kill(daemon)?;
    tick_passes(start)?;
    match post.is_there() && post.has_record() {
        true => Ok(pid),
        false => Err(Failure::new("the test itself", evidence())),
    }
}

/// When a process started, in clock ticks, proc_pid_stat(5).
pub(crate) fn start_of(pid: i32) -> Checked<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).doing("its stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("none").doing("its stat")?;
    let start = fields.split(' ').nth(22 - 3).ok_or("none");
    start.doing("its stat")?.parse().doing("its stat")
}

/// Waits until what starts now has another start time. The clock's next tick tells nobody that it comes.
fn tick_passes(start: u64) -> Checked {
    loop {
        let uptime = fs::read_to_string("/proc/uptime").doing("the time")?;
        let ticks = uptime
            .split(' ')
            .next()
            .unwrap_or_default()
            .replace('.', "");
        if ticks.parse::<u64>().doing("the time")? > start {
            return Ok(());
        }
        std::thread::yield_now();
    }
}

/// The next process or thread gets this number, if no other is made before.
pub(crate) fn next_is(pid: i32) -> Checked {
    let last = (pid - 1).to_string();
    fs::write("/proc/sys/kernel/ns_last_pid", last).doing("set the last PID")
}

/// Starts it as the process with this number.
pub(crate) fn with_number(pid: i32, command: impl Fn() -> Command) -> Checked<Legacy> {
    for _ in 0..TRIES {
        next_is(pid)?;
        let started = Legacy::start(command())?;
        if started.process.pid == pid {
            return Ok(started);
        }
        kill(started)?;
    }
    Err(not_to_be_had(pid))
}

/// Starts a daemon one of whose threads has this number.
pub(crate) fn with_thread(pid: i32) -> Checked<Legacy> {
    for _ in 0..TRIES {
        let mut started = ready(daemon("say ready hear child thread say thread hear end"))?;
        next_is(pid)?;
        started.go_on()?;
        started.says("thread")?;
        if fs::exists(format!("/proc/{}/task/{pid}", started.process.pid)).doing("look")? {
            return Ok(started);
        }
        kill(started)?;
    }
    Err(not_to_be_had(pid))
}

fn not_to_be_had(pid: i32) -> Failure {
    Failure::new("the test itself", format!("PID {pid} is not to be had"))
}
