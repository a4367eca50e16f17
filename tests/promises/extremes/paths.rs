//! The longest names and the longest paths (`NAME_MAX`, `PATH_MAX`): what fits is looked after, and of what does not it is
//! said why.

use std::env;
use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};

use crate::answer::ask;
use crate::compare::bare;
use crate::guard::log::{line, log};
use crate::guard::post::{Post, kill, kill_guards, ready};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene};

/// The longest path that a system call takes.
const LONGEST: usize = 4095;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "a_pidfile_with_the_longest_path_is_looked_after",
            longest_path,
        ),
        each(
            "a_name_too_long_for_a_record_is_said_and_the_library_removes_the_pidfile",
            longest_name,
        ),
    ]
    .into_iter()
}

/// A directory in which x.pid has the longest path.
fn deep() -> Checked<PathBuf> {
    let mut path = PathBuf::from(HOME);
    loop {
        let left = LONGEST - "/x.pid".len() - path.as_os_str().len();
        if left == 0 {
            break;
        }
        // One that leaves room for no further one takes it all.
        let length = if left <= 240 { left - 1 } else { 200 };
        path.push("d".repeat(length));
    }
    fs::create_dir_all(&path).doing("make directories")?;
    Ok(path)
}

/// A daemon that makes this pidfile, started so.
fn started(scene: &Scene, how: &str, pidfile: &str) -> Checked<Legacy> {
    let mut command = match how {
        "shim" => bare(&Scene::program(LEGACY)),
        _ => {
            let words: Vec<&str> = how.split(' ').chain(["-p", pidfile, "--"]).collect();
            let mut command = pidward(scene, &words);
            command.arg(Scene::program(LEGACY));
            command
        }
    };
    if how == "shim" {
        command.env("LD_PRELOAD", scene.release.join("libpidward.so"));
    }
    command.args(["make", "open", pidfile]);
    ready({
        command.args(["say", "ready", "hear", "raise", "15"]);
        command
    })
}

fn longest_path(scene: &Scene) -> Checked {
    for how in ["shim", "run", "run -f"] {
        scene.clear()?;
        let directory = deep()?;
        let path = directory.join("x.pid").display().to_string();
        let post = Post::in_directory(&directory, "x.pid")?;
        let mut daemon = started(scene, how, &path)?;
        // The record's own path is longer than a system call takes.
        env::set_current_dir(&directory).doing("go there")?;
        post.until("recorded", || {
            let text = fs::read_to_string("x.pid.ward").unwrap_or_default();
            text.ends_with("end\n").then_some(())
        })?;
        ask(scene, &format!("status {path}"))?.is_line(
            0,
            "running",
            "(verified by pidfd handle)",
        )?;
        ask(scene, &format!("sweep {path}"))?.is_lines(0, &[])?;
        daemon.go_on()?;
        post.is_gone()?;
        post.until("without a record", || {
            (!fs::exists("x.pid.ward").unwrap_or(true)).then_some(())
        })?;
        // One that was named waits for the next instance, and would remove it as well.
        kill_guards()?;
        fs::write("x.pid", "4194303\n").doing("leave one")?;
        ask(scene, "sweep .")?.is_line(0, "removed", "(dead)")?;
        env::set_current_dir("/").doing("leave")?;
        kill(daemon)?;
    }
    Ok(())
}

fn longest_name(scene: &Scene) -> Checked {
    let log = log()?;
    for length in [251, 255] {
        scene.clear()?;
        let name = format!("{}.pid", "x".repeat(length - 4));
        let post = Post::at(&name)?;
        let mut daemon = started(scene, "shim", &name)?;
        let said = line(&log)?;
        if !said.contains("not guarding ") || !said.contains("the name is too long") {
            return Err(Failure::new("the log is not told", said));
        }
        ask(scene, &format!("adopt {name}"))?.is_refusal(4, &["did not adopt", "too long"])?;
        daemon.go_on()?;
        daemon.end()?;
        if post.is_there() {
            return Err(Failure::new("the library left it", name));
        }
        // What the library cannot remove, the sweep does.
        let daemon = started(scene, "shim", &name)?;
        line(&log)?;
        daemon.process.signal(Signal::SIGKILL).doing("kill it")?;
        kill(daemon)?;
        ask(scene, "sweep .")?.is_line(0, "removed", "(dead)")?;
    }
    Ok(())
}
