//! Signals sent in a loop while the process that they are for is replaced by others under the same number.

use std::fs;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::evidence;

use crate::compare::bare;
use crate::guard::post::{Post, daemon, guard, kill, leaves, ready, start};
use crate::number::{IDLE, with_number};
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file};

/// What is taken from the kernel, so that the proofs are those of older ones. By start times alone, what gets a number in the same
/// tick of the clock is the same process.
const LEVELS: &[&str] = &["", "handle", "handle,info"];

/// How often another gets the number, in each of which the loop goes through so many of its turns.
const VICTIMS: usize = 20;
const TURNS: usize = 3;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "who_gets_the_number_of_what_is_signalled_in_a_loop_gets_no_signal",
        LEVELS,
        replaced,
    )
}

/// Says how each turn ended, a line each.
const LOOP: &str = "while :; do \"$0\" signal USR1 x.pid >/dev/null 2>&1; echo $? >>answers; done";

fn replaced(scene: &Scene, without: &str) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let steps = "set sigaction 10 SIG_IGN 0 make open x.pid say ready hear";
    let first = ready(daemon(steps))?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(first.process.pid)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;

    let mut shell = bare("/bin/sh".as_ref());
    shell.args(["-c", LOOP]).arg(scene.release.join("pidward"));
    shell.current_dir(HOME).env("PIDWARD_WITHOUT", without);
    let signals = start(shell)?;
    answers(&post, TURNS, |answer| answer == "0")?;
    let pid = first.process.pid;
    let mut last = first;
    for number in 0..VICTIMS {
        kill(last)?;
        // It would die of the signal.
        last = with_number(pid, || daemon(IDLE))?;
        answers(&post, TURNS, |answer| answer != "0")?;
        if last.process.is_dead() {
            return Err(Failure::new(format!("killed victim {number}"), evidence()));
        }
    }
    end(&signals)?;
    kill(last).map(drop)
}

/// Waits until there are so many answers of this kind more than now.
fn answers(post: &Post, more: usize, is_one: impl Fn(&str) -> bool) -> Checked {
    let count = || {
        let all = fs::read_to_string(file("answers")).unwrap_or_default();
        all.lines().filter(|answer| is_one(answer)).count()
    };
    let before = count();
    post.until("answered", || (count() >= before + more).then_some(()))
}

fn end(signals: &Process) -> Checked {
    signals.signal(Signal::SIGKILL).doing("end the loop")?;
    leaves(signals)
}
