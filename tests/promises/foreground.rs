//! The promises of `pidward run -f`: one process to watch and to signal, for a daemon that goes into the background.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::thread;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::world::{evidence, owner};

use crate::guard::post::Post;
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::Scene;

mod container;
mod ends;
mod passes;
mod signals;
mod terminal;
mod tree;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(ends::promises());
    all.extend(signals::promises());
    all.extend(terminal::promises());
    all.extend(passes::promises());
    all.extend(tree::promises());
    all.extend(container::promises());
    all
}

/// The ways in which the pidfile comes to be known.
const WAYS: &[&str] = &["named", "learned"];

/// The options for such a way.
fn options(way: &str) -> &'static [&'static str] {
    match way {
        "named" => &["run", "-f", "-p", "x.pid", "--"],
        "unpreloaded" => &["run", "-f", "-p", "x.pid", "--no-preload", "--"],
        _ => &["run", "-f", "--"],
    }
}

/// pidward with a daemon, to be started.
fn command(scene: &Scene, way: &str, steps: &str) -> Command {
    let mut command = pidward(scene, options(way));
    command.arg(Scene::program(LEGACY));
    command.args(steps.split_whitespace());
    command
}

/// A daemon in the background, with pidward in the foreground.
struct Service {
    /// pidward, and what all of them say.
    foreground: Legacy,
    /// The process that the pidfile names, recorded by its guard.
    daemon: Process,
    post: Post,
}

impl Service {
    /// Starts it in an empty directory; the steps make x.pid and say that they are ready.
    fn start(scene: &Scene, way: &str, steps: &str) -> Checked<Self> {
        scene.clear()?;
        Self::start_by(command(scene, way, steps))
    }

    fn start_by(command: Command) -> Checked<Self> {
        let post = Post::at("x.pid")?;
        let mut foreground = Legacy::start(command)?;
        foreground.says("ready")?;
        let daemon = post.until("named", || owner(&post.pidfile))?;
        post.recorded(daemon.pid)?;
        knows(&foreground.process, &post)?;
        Ok(Self {
            foreground,
            daemon,
            post,
        })
    }

    /// What a supervisor does.
    fn signal(&self, signal: Signal) -> Checked {
        self.foreground.process.signal(signal).doing("signal it")
    }

    /// All has ended with this status, and the pidfile is gone; gives what was said.
    fn ends(self, status: i32) -> Checked<String> {
        let said = ends(self.foreground, status)?;
        if self.post.is_there() {
            return Err(Failure::new("the pidfile stays", evidence()));
        }
        // Of two guards, one that came when all was over may wait beside an empty record, which says nothing.
        let record = || Record::read(&self.post.pidfile).is_none().then_some(());
        self.post.until("cleared", record)?;
        Ok(said)
    }
}

/// Waits until pidward knows whose the pidfile is: it watches the file itself then, and no more its directory. No event tells
/// of that.
fn knows(foreground: &Process, post: &Post) -> Checked {
    let deadline = Deadline::seconds(10);
    let watches = || {
        let file = fs::metadata(&post.pidfile).ok()?.ino();
        proc::watched(foreground.pid).contains(&file).then_some(())
    };
    while watches().is_none() {
        if deadline.passed() {
            return Err(Failure::new("never knows the daemon", evidence()));
        }
        thread::yield_now();
    }
    Ok(())
}

/// pidward ends with this status; gives what was said.
fn ends(foreground: Legacy, status: i32) -> Checked<String> {
    let ended = foreground.end()?;
    match ended.status.code() == Some(status) {
        true => Ok(ended.said),
        false => Err(Failure::new(
            format!("does not end with {status}"),
            format!("{ended:#?}"),
        )),
    }
}

/// It was said exactly so.
fn said_is(said: &str, expected: &str) -> Checked {
    let lines: Vec<&str> = expected.split_whitespace().collect();
    let words: Vec<&str> = said.split_whitespace().collect();
    match words == lines {
        true => Ok(()),
        false => Err(Failure::new(
            "something else is said",
            format!("{said}expected: {expected}"),
        )),
    }
}
