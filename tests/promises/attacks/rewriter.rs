//! A daemon that was taken over names init, its own guard and others' processes in its pidfile, in a tight loop. Nobody but
//! itself is ever signalled, and its guard stays what it was.

use std::fs;
use std::os::unix::process::CommandExt;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::world::evidence;

use super::siege::rounds;
use super::{MALLORY, directory_of_mallory, lives, victim};
use crate::answer::ask;
use crate::compare::bare;
use crate::guard::post::{Post, daemon, guard, kill, leaves, ready, start};
use crate::promise::Promise;
use crate::scene::{Scene, file, write};

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
    let mut rewriter = bare("/usr/bin/python3".as_ref());
    write("rewriter.py", include_str!("rewriter.py"))?;
    let numbers = [1, guard.pid, victim.process.pid, other.process.pid];
    rewriter.arg("rewriter.py").arg("his/x.pid");
    rewriter.args(numbers.map(|number| number.to_string()));
    rewriter.uid(MALLORY).gid(MALLORY);
    let mut rewriter = ready(rewriter)?;
    post.recorded(rewriter.process.pid)?;
    rewriter.go_on()?;
    let mut sent = 0;
    let least = rounds(ROUNDS)?;
    // Until a signal was sent while the file named the daemon: or the test would tell nothing.
    for round in 0..least.saturating_mul(20) {
        if round >= least && sent > 0 {
            break;
        }
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
            sent += usize::from(answer.code == Some(0) && line.starts_with("signal"));
        }
        let memory = proc::private_kib(guard.pid)?;
        let descriptors = proc::descriptors(guard.pid).len();
        if memory > MEMORY || descriptors > DESCRIPTORS {
            let seen = format!("round {round}: {memory} KiB, {descriptors} descriptors");
            return Err(Failure::new("its guard grows", seen));
        }
    }
    let count = fs::read_to_string(file("his/x.pid.count")).unwrap_or_default();
    println!("{sent} signals, {count} numbers");
    if sent == 0 || count.is_empty() {
        return Err(Failure::new("the test itself", format!("{sent} {count}")));
    }
    kill(rewriter)?;
    leaves(&guard)?;
    for process in [victim, other] {
        lives(&process, "the guard's end")?;
        process.process.signal(Signal::SIGKILL).doing("end it")?;
        process.end()?;
    }
    Ok(())
}
