//! What a recorded process does to itself does not make it another.

use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};

use super::Answer;
use crate::answer::{LEVELS, ask_without};
use crate::guard::post::{Post, daemon, guard, kill, ready, start};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::Scene;

/// What it does, as steps of the daemon.
const CHANGES: [(&str, &str); 4] = [
    ("executes_another_program", "exec say changed hear"),
    ("becomes_another_user", "nobody say changed hear"),
    ("calls_itself_otherwise", "call )_R_1 say changed hear"),
    ("ends_its_first_thread", "leave say changed hear"),
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let changes = CHANGES.iter().map(|(name, steps)| {
        let name = format!("a_recorded_process_is_the_same_when_it::{name}");
        Promise::new(name, move |scene| changed(scene, steps))
    });
    changes.chain([
        Promise::new(
            "a_recorded_process_is_the_same_in_another_time_namespace",
            time_namespace,
        ),
        Promise::new(
            "what_was_recorded_in_another_time_namespace_is_verified_in_ours",
            recorded_elsewhen,
        ),
        Promise::new(
            "a_daemon_that_calls_itself_a_guard_is_one_all_the_same",
            |scene| {
                let mut daemon = recorded(scene, "call pidward:_guard say changed hear")?;
                daemon.go_on()?;
                daemon.says("changed")?;
                verified(scene, &mut daemon)
            },
        ),
    ])
}

fn recorded(scene: &Scene, steps: &str) -> Checked<Legacy> {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = ready(daemon(&format!("make open x.pid say ready hear {steps}")))?;
    start(guard(scene, &[], &post.pidfile))?;
    post.recorded(daemon.process.pid)?;
    Ok(daemon)
}

fn changed(scene: &Scene, steps: &str) -> Checked {
    let mut daemon = recorded(scene, steps)?;
    daemon.go_on()?;
    daemon.says("changed")?;
    if steps.starts_with("leave") {
        // The first thread ends beside the other that says so.
        let stat = format!("/proc/{}/stat", daemon.process.pid);
        while !std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z ")) {
            std::thread::yield_now();
        }
    }
    verified(scene, &mut daemon)
}

fn verified(scene: &Scene, daemon: &mut Legacy) -> Checked {
    for (without, proof) in LEVELS {
        let end = format!("({proof})");
        ask_without(scene, without, "status x.pid")?.is_line(0, "running", &end)?;
        let sent = ask_without(scene, without, "signal 0 x.pid")?;
        sent.says(0, sent.out.ends_with(&format!("{end}\n")), &end)?;
    }
    match daemon.process.is_dead() {
        true => Err(Failure::new("the test itself", "the daemon is gone")),
        false => Ok(()),
    }
}

/// The same command in a time namespace whose clock is so many seconds ahead.
fn elsewhen(plain: &Command, offset: &str) -> Command {
    let mut command = crate::compare::bare("/usr/bin/unshare".as_ref());
    command.args(["--time", "--fork", "--kill-child", "--boottime", offset]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.current_dir(crate::scene::HOME);
    command
}

/// The daemon and its guard are both in there.
fn recorded_elsewhen(scene: &Scene) -> Checked {
    for offset in ["1000000", "86400"] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let daemon = ready(elsewhen(&daemon("make open x.pid say ready hear"), offset))?;
        let pid = fs::read_to_string(&post.pidfile).doing("read the pidfile")?;
        let pid = pid.trim().parse().doing("a PID")?;
        start(elsewhen(&guard(scene, &[], &post.pidfile), offset))?;
        post.recorded(pid)?;
        for (without, proof) in LEVELS {
            let end = format!("({proof})");
            ask_without(scene, without, "status x.pid")?.is_line(0, "running", &end)?;
        }
        kill(daemon)?;
        post.cleared()?;
    }
    Ok(())
}

/// There, /proc shows other start times.
fn time_namespace(scene: &Scene) -> Checked {
    let daemon = recorded(scene, "")?;
    for offset in ["1000000", "86400"] {
        for (without, proof) in LEVELS {
            let ask = |words: &[&str]| {
                let mut command = elsewhen(&pidward(scene, words), offset);
                command.env("PIDWARD_WITHOUT", without);
                Answer::of(command)
            };
            let end = format!("({proof})\n");
            let sent = ask(&["signal", "0", "x.pid"])?;
            sent.says(0, sent.out.ends_with(&end), &end)?;
            let answer = ask(&["status", "x.pid"])?;
            answer.is_line(0, "running", &format!("({proof})"))?;
            // The age is that of the process, not of the namespace.
            answer.says(
                0,
                answer.out.contains(", up 0m") || answer.out.contains("s ("),
                "its age",
            )?;
        }
    }
    kill(daemon).map(drop)
}
