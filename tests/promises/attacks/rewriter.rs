//! A daemon that was taken over names init, its own guard and others' processes in its pidfile, in a tight loop. Nobody but
//! itself is ever signalled, and its guard stays what it was.

use std::fs;
use std::os::unix::process::CommandExt;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::world::evidence;

use super::{directory_of_mallory, in_rounds, lives, script, victim};
use crate::answer::ask;
use crate::guard::post::{Post, daemon, guard, kill, leaves, ready, start};
use crate::promise::Promise;
use crate::scene::{Scene, file};

/// What root does in each round. The daemon ignores what is sent, and all others would end.
const ROUND: [&str; 6] = [
    "status his/x.pid",
    "signal USR1 his/x.pid",
    "signal --unverified USR1 his/x.pid",
    "stop --schedule USR1/0 his/x.pid",
    "stop --unverified --schedule USR1/0 his/x.pid",
    "sweep his",
];

const ROUNDS: usize = 10;

/// What a guard that works has of its own at most, in KiB.
const MEMORY: u64 = 128;

/// As many descriptors as a guard ever needs.
const DESCRIPTORS: usize = 10;

/// A third user.
const ANOTHER: u32 = 4242;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    [Promise::new(
        "a_daemon_that_names_others_in_a_tight_loop_has_nobody_signalled",
        names_others,
    )]
    .into_iter()
}

fn names_others(scene: &Scene) -> Checked {
    scene.clear()?;
    directory_of_mallory("his")?;
    let victim = victim()?;
    let mut other = daemon("say ready hear");
    other.uid(ANOTHER).gid(ANOTHER);
    let other = ready(other)?;
    let post = Post::in_directory(file("his"), "x.pid")?;
    // It belongs to the daemon, and not to a file of that name.
    let guard = start(guard(scene, &["--named", "--timeout", "1"], &post.pidfile))?;
    let numbers = [1, guard.pid, victim.process.pid, other.process.pid].map(|it| it.to_string());
    let words = ["his/x.pid".to_owned()].into_iter().chain(numbers);
    let rewriter = script("rewriter.py", include_str!("rewriter.py"), words)?;
    let mut rewriter = ready(rewriter)?;
    post.recorded(rewriter.process.pid)?;
    rewriter.go_on()?;
    // A signal has to be sent, at a moment when the file names the daemon.
    let rounds = in_rounds(ROUNDS, |round| {
        let mut sends = false;
        for line in ROUND {
            let answer = ask(scene, line)?;
            let what = format!("round {round}, {line}: {answer:#?}");
            for process in [&victim, &other, &rewriter] {
                lives(process, &what)?;
            }
            if guard.is_dead() {
                return Err(Failure::new(
                    "its guard is gone",
                    format!("{what}\n{}", evidence()),
                ));
            }
            sends |= answer.code == Some(0) && line.starts_with("signal");
        }
        let memory = proc::private_kib(guard.pid)?;
        let descriptors = proc::descriptors(guard.pid).len();
        if memory > MEMORY || descriptors > DESCRIPTORS {
            let seen = format!("round {round}: {memory} KiB, {descriptors} descriptors");
            return Err(Failure::new("its guard grows", seen));
        }
        Ok(sends)
    })?;
    let count = fs::read_to_string(file("his/x.pid.count")).doing("count the numbers")?;
    println!("{rounds} rounds, {count} numbers");
    kill(rewriter)?;
    leaves(&guard)?;
    for process in [victim, other] {
        lives(&process, "the guard's end")?;
        process.process.signal(Signal::SIGKILL).doing("end it")?;
        process.end()?;
    }
    Ok(())
}
