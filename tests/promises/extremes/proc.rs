//! /proc is not there, or hides others (proc(5), hidepid): the daemon lives and ends as without pidward, and what cannot be told
//! is said, and stays.

use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};

use super::{DEATHS, lived};
use crate::answer::Answer;
use crate::compare::below;
use crate::guard::post::{Post, guarded, kill, leaves, ready, with_pidfile};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::{copied, installed, pidward};
use crate::scene::{HOME, Scene, write};

/// What takes /proc away from the rest of the command line, and what it is mounted over.
const WITHOUT: &str = "while umount -l /proc 2>/dev/null; do :; done; exec \"$@\"";

/// What makes it that of a user who sees none but his own processes there.
const HIDDEN: &str = "mount -t proc -o hidepid=2 proc /proc && \
                      exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("without_proc_the_library_changes_nothing", lives),
        each(
            "without_proc_a_named_pidfile_is_guarded_all_the_same",
            is_guarded,
        ),
        each("without_proc_what_cannot_be_told_stays", cannot_tell),
        each("who_sees_nothing_of_others_is_told_so", sees_nothing),
    ]
    .into_iter()
}

fn in_another(proc: &str, plain: &Command) -> Command {
    let mut command = below(
        &["unshare", "--mount", "sh", "-c", proc, "another proc"],
        plain,
    );
    command.current_dir(HOME);
    command
}

fn lives(scene: &Scene) -> Checked {
    scene.without_cores()?;
    for death in DEATHS {
        let live = |command: &Command| in_another(WITHOUT, command);
        // Whether there is a filter of system calls cannot be asked.
        let both = scene.both_with(|life| lived(life, live, death))?;
        both.are_the_same()?;
    }
    Ok(())
}

fn is_guarded(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut run = pidward(scene, &["run", "-p", "x.pid", "--"]);
    run.env("PIDWARD_GUARD_EXE", scene.release.join("pidward-guard"));
    run.arg(Scene::program(LEGACY));
    run.args("make open x.pid say ready hear".split(' '));
    let daemon = ready(in_another(WITHOUT, &run))?;
    let ended = kill(daemon)?;
    if ended.status.code().is_some() {
        return Err(Failure::new("another end", format!("{ended:#?}")));
    }
    post.cleared()
}

fn cannot_tell(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    write("stale.pid", "4194303\n")?;
    let ask = |words: &[&str]| Answer::of(in_another(WITHOUT, &pidward(scene, words)));
    let untold = "cannot be told: no such file or directory (elsewhere)";
    ask(&["status", "x.pid"])?.is_line(0, "running", "(unverified)")?;
    ask(&["status", "stale.pid"])?.is_line(4, "unknown", untold)?;
    ask(&["sweep", "stale.pid"])?.is_line(0, "left", untold)?;
    ask(&["stop", "stale.pid"])?.is_refusal(4, &["did not stop", "cannot be told"])?;
    ask(&["stop", "x.pid"])?.is_refusal(4, &["did not stop", "no record"])?;
    kill(daemon).map(drop)
}

fn sees_nothing(scene: &Scene) -> Checked {
    let copy = copied(scene)?;
    let (daemon, guard, post) = guarded(scene)?;
    write("stale.pid", "4194303\n")?;
    let ask = |words: &[&str]| Answer::of(in_another(HIDDEN, &installed(&copy, words)));
    ask(&["status", "x.pid"])?.is_line(
        0,
        "running",
        "lives, and we may not see more of it (verified by pidfd handle)",
    )?;
    for words in [&["signal", "TERM", "x.pid"][..], &["stop", "x.pid"]] {
        ask(words)?.is_refusal(4, &["did not send TERM", "another user's"])?;
    }
    ask(&["sweep", "."])?.is_line(1, "left", "operation not permitted (dead)")?;
    if daemon.process.is_dead() {
        return Err(Failure::new("the daemon is dead", ""));
    }
    post.stays()?;
    daemon
        .process
        .signal(Signal::SIGKILL)
        .doing("kill the daemon")?;
    daemon.end()?;
    post.cleared()?;
    leaves(&guard)
}
