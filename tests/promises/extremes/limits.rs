//! Limits of resources at their minimum (getrlimit(2)): the daemon runs and ends as without pidward, what did not work is said
//! with its cause, and no living daemon's file is lost.

use std::fs;
use std::process::{Command, Stdio};

use pidward_tests::failure::{Checked, Failure};
use pidward_tests::world::evidence;

use super::{DEATHS, lived};
use crate::answer::Answer;
use crate::compare::{bare, below};
use crate::guard::post::{Post, guard, kill, leaves, start, with_pidfile};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file, write};

/// With fewer descriptors than 4 the dynamic linker opens no library; from 9 on all is done.
const DESCRIPTORS: [&str; 6] = [
    "nofile=4", "nofile=5", "nofile=6", "nofile=7", "nofile=8", "nofile=9",
];

/// Limits with which all is done.
const HARMLESS: &[&str] = &[
    "nofile=9",
    "nproc=0",
    "as=8388608",
    "stack=65536",
    "memlock=0",
    "sigpending=0",
    "core=0",
    "cpu=1",
    "data=1048576",
    "locks=0",
    "msgqueue=0",
    "nice=0",
    "rss=0",
    "rtprio=0",
    "rttime=1",
];

/// The commands, and what they say that they have removed.
const COMMANDS: [&str; 4] = ["status", "sweep", "stop", "signal USR1"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "with_few_descriptors_what_is_not_done_is_said_with_its_cause",
            says_so,
        ),
        each("with_few_descriptors_run_starts_the_command", starts),
        each("with_few_descriptors_the_library_changes_nothing", dies),
        each(
            "with_few_descriptors_a_guard_keeps_a_living_pidfile_and_removes_a_dead_ones",
            guards,
        ),
        each(
            "a_guard_with_too_few_descriptors_to_read_its_pidfile_leaves",
            leaves_blind,
        ),
        each(
            "a_guard_that_may_write_no_file_removes_the_pidfile_all_the_same",
            no_file_sizes,
        ),
    ]
    .into_iter()
    .chain(Promise::each(
        "a_limit_that_leaves_room_changes_nothing",
        HARMLESS,
        harmless,
    ))
}

/// The command under this limit.
fn limited(limit: &str, plain: &Command) -> Command {
    below(&["prlimit", &format!("--{limit}")], plain)
}

fn ask(scene: &Scene, limit: &str, line: &str) -> Checked<Answer> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = limited(limit, &pidward(scene, &words));
    command.current_dir(file(""));
    Answer::of(command)
}

fn says_so(scene: &Scene) -> Checked {
    for limit in DESCRIPTORS {
        scene.clear()?;
        let daemon = with_pidfile()?;
        for command in COMMANDS {
            for line in ["stale.pid", "."].map(|what| format!("{command} {what}")) {
                write("stale.pid", "4194303\n")?;
                let answer = ask(scene, limit, &line)?;
                let what = format!("{limit} {line}: {answer:#?}");
                let said = format!("{}{}", answer.out, answer.err);
                let is_done = said.contains("(dead)") || said.contains("is no process.");
                let is_named =
                    said.contains("too many open files") && !said.contains("goes by that number");
                let is_dir = answer.code == Some(4) && said.contains("a directory")
                    || said.contains("not a regular file");
                if !(is_done || is_named || is_dir) {
                    return Err(Failure::new("another cause", what));
                }
                if answer.err.contains("Name the regular file") && is_named {
                    return Err(Failure::new("advises something else", what));
                }
                if daemon.process.is_dead() || !file("x.pid").exists() {
                    return Err(Failure::new("lost the living one's", what));
                }
            }
        }
        kill(daemon)?;
    }
    Ok(())
}

fn starts(scene: &Scene) -> Checked {
    for limit in DESCRIPTORS {
        for run in [&["run"][..], &["run", "-f"]] {
            scene.clear()?;
            let post = Post::at("x.pid")?;
            let mut command = pidward(scene, &[run, &["-p", "x.pid", "--"]].concat());
            command.arg(Scene::program(LEGACY));
            command.args("make open x.pid die return".split(' '));
            let ended = Legacy::start(limited(limit, &command))?.end()?;
            let is_told = ended.said.contains("too many open files");
            let what = format!("{limit} {run:?}: {ended:#?}");
            if ended.status.code() != Some(7) {
                return Err(Failure::new("another end", what));
            }
            if !is_told {
                post.is_gone().map_err(|it| Failure::new(what, it))?;
            }
        }
        // What cannot be run is said all the same.
        scene.clear()?;
        let mut command = pidward(scene, &["run", "-f", "-p", "x.pid", "--"]);
        command.arg("/etc/passwd");
        let ended = Legacy::start(limited(limit, &command))?.end()?;
        if ended.status.code() != Some(126) || !ended.said.contains("cannot run /etc/passwd") {
            return Err(Failure::new("another end", format!("{limit}: {ended:#?}")));
        }
    }
    Ok(())
}

fn dies(scene: &Scene) -> Checked {
    scene.without_cores()?;
    for limit in DESCRIPTORS {
        for death in DEATHS {
            let both = scene.both_with(|life| lived(life, |it| limited(limit, it), death))?;
            // With fewer it cannot ask whether there is a filter of system calls, and stays out.
            match ["nofile=8", "nofile=9"].contains(&limit) {
                true => both.removed(&["x.pid"])?,
                false => both.are_the_same()?,
            }
        }
    }
    Ok(())
}

fn harmless(scene: &Scene, limit: &str) -> Checked {
    scene.without_cores()?;
    for death in DEATHS {
        scene
            .both_with(|life| lived(life, |it| limited(limit, it), death))?
            .removed(&["x.pid"])?;
    }
    scene.clear()?;
    let daemon = with_pidfile()?;
    write("stale.pid", "4194303\n")?;
    ask(scene, limit, "status x.pid")?.is_line(0, "running", "(unverified)")?;
    ask(scene, limit, "sweep stale.pid")?.is_line(0, "removed", "(dead)")?;
    let post = Post::at("x.pid")?;
    start(limited(limit, &guard(scene, &[], &post.pidfile)))?;
    let guard = post.recorded(daemon.process.pid)?;
    ask(scene, limit, "status x.pid")?.is_line(0, "running", "(verified by pidfd handle)")?;
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}

fn guards(scene: &Scene) -> Checked {
    for limit in DESCRIPTORS {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let daemon = with_pidfile()?;
        let guard = start(limited(
            limit,
            &guard(scene, &["--timeout", "1"], &post.pidfile),
        ))?;
        crate::guard::post::ends_or_waits(&guard)?;
        post.stays()?;
        kill(daemon)?;
        leaves(&guard)?;
        // With so few it may have no more than learned of the death, and the next sweep does the rest.
        if limit == "nofile=4" {
            Answer::of(pidward(scene, &["sweep", "."]))?;
        }
        post.cleared().map_err(|it| Failure::new(limit, it))?;
    }
    Ok(())
}

/// Whatever the pidfile is.
fn leaves_blind(scene: &Scene) -> Checked {
    for limit in ["nofile=0", "nofile=1", "nofile=2", "nofile=3"] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let daemon = with_pidfile()?;
        write("stale.pid", "4194303\n")?;
        for name in ["x.pid", "stale.pid", "none.pid"] {
            // Not by env(1), which would not start.
            let mut guard = bare("/usr/bin/prlimit".as_ref());
            guard
                .arg(format!("--{limit}"))
                .arg(scene.release.join("pidward-guard"));
            guard
                .args(["--timeout", "0"])
                .arg(file(name))
                .stdin(Stdio::null());
            leaves(&start(guard)?).map_err(|it| Failure::new(format!("{limit} {name}"), it))?;
        }
        post.stays()?;
        kill(daemon)?;
    }
    Ok(())
}

/// It cannot write its record.
fn no_file_sizes(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = with_pidfile()?;
    let guard = start(limited("fsize=0", &guard(scene, &[], &post.pidfile)))?;
    crate::guard::post::falls_asleep(guard.pid, 1)?;
    let record = fs::read_to_string(post.pidfile.with_extension("pid.ward")).unwrap_or_default();
    if !record.is_empty() {
        return Err(Failure::new(
            "the test itself",
            format!("{record}\n{}", evidence()),
        ));
    }
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}
