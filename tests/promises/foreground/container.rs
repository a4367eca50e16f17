//! As the first process of a container, `run` stays in the foreground without being told.

use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::{WAYS, ends, said_is};
use crate::compare::bare;
use crate::guard::post::Post;
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "pid_1_passes_signals_on_and_ends_as_the_daemon",
        WAYS,
        signals,
    )
    .chain(Promise::each(
        "pid_1_reaps_and_takes_all_with_it",
        WAYS,
        takes_all,
    ))
    .chain(Promise::each(
        "pid_1_ends_with_a_daemon_that_is_killed",
        WAYS,
        killed,
    ))
}

/// A container, and its first process.
struct Container {
    outside: Legacy,
    first: Process,
    post: Post,
}

impl Container {
    fn start(scene: &Scene, way: &str, steps: &str) -> Checked<Self> {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let mut outside = Legacy::start(unshared(scene, way, steps))?;
        outside.says("ready")?;
        post.until("recorded", || Record::read(&post.pidfile))?;
        let parent = outside.process.pid;
        let first = proc::others()
            .into_iter()
            .find(|seen| seen.parent == parent);
        let first = first.and_then(|seen| Process::living(seen.pid));
        let first = first.ok_or_else(|| Failure::new("no first process", evidence()))?;
        Ok(Self {
            outside,
            first,
            post,
        })
    }

    /// It ends so, with nothing left: no pidfile, record, link or process.
    fn ends(self, status: i32) -> Checked<String> {
        let said = ends(self.outside, status)?;
        let links = std::fs::read_dir("/var/lib/pidward/known").doing("list the links")?;
        let left = self.post.is_there() || self.post.has_record() || links.count() > 0;
        let lives = proc::others().into_iter().any(|seen| !seen.is_zombie());
        match left || lives {
            false => Ok(said),
            true => Err(Failure::new("something is left", evidence())),
        }
    }
}

fn unshared(scene: &Scene, way: &str, steps: &str) -> Command {
    let mut command = bare("unshare".as_ref());
    command.args(["--pid", "--fork", "--mount-proc", "--"]);
    command.arg(scene.release.join("pidward")).arg("run");
    if way == "named" {
        command.args(["-p", "x.pid"]);
    }
    command.arg("--").arg(Scene::program(LEGACY));
    command.args(steps.split_whitespace());
    command
}

fn signals(scene: &Scene, way: &str) -> Checked {
    let steps = "catch detach make open x.pid say ready serve 15 die return";
    let mut container = Container::start(scene, way, steps)?;
    let mut expected = "ready".to_owned();
    for number in [1, 2, 3, 10, 12, 28, 15] {
        let signal = Signal::try_from(number).doing("a signal")?;
        container.first.signal(signal).doing("signal PID 1")?;
        let got = format!("got {number}");
        container.outside.says(&got)?;
        expected = format!("{expected} {got}");
    }
    said_is(&container.ends(7)?, &expected)
}

fn takes_all(scene: &Scene, way: &str) -> Checked {
    let steps = "catch detach aside pause end make open x.pid say ready serve 1 orphans 200 say orphaned serve 15 die return";
    let mut container = Container::start(scene, way, steps)?;
    container
        .first
        .signal(Signal::SIGHUP)
        .doing("signal PID 1")?;
    container.outside.says("orphaned")?;
    let deadline = Deadline::seconds(10);
    while proc::others().iter().any(proc::Seen::is_zombie) {
        if deadline.passed() {
            return Err(Failure::new("not reaped", evidence()));
        }
        std::thread::yield_now();
    }
    container
        .first
        .signal(Signal::SIGTERM)
        .doing("signal PID 1")?;
    container.ends(7).map(drop)
}

fn killed(scene: &Scene, way: &str) -> Checked {
    let steps = "catch detach make open x.pid say ready serve 10 die kill";
    let container = Container::start(scene, way, steps)?;
    container
        .first
        .signal(Signal::SIGUSR1)
        .doing("signal PID 1")?;
    container.ends(137).map(drop)
}
