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
use crate::guard::post::{Post, daemon, falls_asleep, kill, ready};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::{Scene, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name, check| Promise::each(name, WAYS, check);
    each("pid_1_passes_signals_on_and_ends_as_the_daemon", signals)
        .chain(each("pid_1_reaps_and_takes_all_with_it", takes_all))
        .chain(each("pid_1_ends_with_a_daemon_that_is_killed", killed))
        .chain([
            Promise::new("pid_1_lets_the_guard_finish", guard_finishes),
            Promise::new("a_number_that_an_earlier_run_left_is_nobodys", left_number),
        ])
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
        let first = first(&outside)?;
        super::knows(&first, &post)?;
        Ok(Self {
            outside,
            first,
            post,
        })
    }

    /// It ends so, with nothing left: no pidfile, link or process, and no record that says anything.
    fn ends(self, status: i32) -> Checked<String> {
        let said = ends(self.outside, status)?;
        let links = std::fs::read_dir("/var/lib/pidward/known").doing("list the links")?;
        // Of two guards the one that has stood by may have made an empty record, which says nothing.
        let recorded = Record::read(&self.post.pidfile).is_some();
        let left = self.post.is_there() || recorded || links.count() > 0;
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

/// Whatever keeps it from being the quicker one.
fn guard_finishes(scene: &Scene) -> Checked {
    let steps = "catch detach make open x.pid say ready serve 10 die kill";
    let container = Container::start(scene, "learned", steps)?;
    let all = proc::others();
    let guard = all.iter().find(|seen| seen.comm == "pidward: guard");
    let guard = guard.and_then(|seen| Process::living(seen.pid));
    let guard = guard.ok_or_else(|| Failure::new("no guard", evidence()))?;
    guard.signal(Signal::SIGSTOP).doing("stop the guard")?;
    let daemon = all.iter().find(|seen| seen.comm == LEGACY);
    let daemon = daemon.and_then(|seen| Process::open(seen.pid));
    let daemon = daemon.ok_or("none").doing("find the daemon")?;
    container
        .first
        .signal(Signal::SIGUSR1)
        .doing("signal PID 1")?;
    if !daemon.dies_by(Deadline::seconds(10)) {
        return Err(Failure::new("the test itself", evidence()));
    }
    // It has reaped the daemon and looked for the pidfile.
    let deadline = Deadline::seconds(10);
    while Process::open(daemon.pid).is_some() && !deadline.passed() {
        std::thread::yield_now();
    }
    falls_asleep(container.first.pid, 1)?;
    guard.signal(Signal::SIGCONT).doing("let the guard go on")?;
    container.ends(137).map(drop)
}

/// The pidfile stays because somebody has it locked. It holds the number that the launcher will have.
fn left_number(scene: &Scene) -> Checked {
    scene.clear()?;
    let mut asks = unshared(scene, "named", "");
    asks.args(["system", "echo $PPID"]);
    let number = ends(Legacy::start(asks)?, 0)?;
    let number = number.lines().next().unwrap_or_default();
    write("x.pid", format!("{number}\n"))?;
    let holder = ready(daemon("hold x.pid lock flock say ready hear"))?;
    let mut outside = Legacy::start(unshared(scene, "named", "say ready hear"))?;
    outside.says("ready")?;
    let first = first(&outside)?;
    let launcher = proc::others().into_iter().find(|seen| {
        let is_childs = seen.parent == first.pid;
        is_childs && seen.comm == LEGACY
    });
    let launcher = launcher.and_then(|seen| Process::living(seen.pid));
    let launcher = launcher.ok_or_else(|| Failure::new("no launcher", evidence()))?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", launcher.pid));
    let status = status.doing("look at the launcher")?;
    if !status
        .lines()
        .any(|line| line.starts_with("NSpid:") && line.ends_with(&format!("\t{number}")))
    {
        return Err(Failure::new(
            "the test itself",
            format!("not {number}: {status}"),
        ));
    }
    let slept = falls_asleep(first.pid, 1)?;
    first.signal(Signal::SIGTERM).doing("signal PID 1")?;
    falls_asleep(first.pid, slept + 1)?;
    if launcher.is_dead() {
        return Err(Failure::new(
            "the launcher is taken for the daemon",
            evidence(),
        ));
    }
    first.signal(Signal::SIGTERM).doing("signal PID 1 again")?;
    ends(outside, 143)?;
    kill(holder).map(drop)
}

/// The first process of the container.
fn first(outside: &Legacy) -> Checked<Process> {
    let parent = outside.process.pid;
    let all = proc::others();
    let first = all.iter().find(|seen| seen.parent == parent);
    let first = first.and_then(|seen| Process::living(seen.pid));
    first.ok_or_else(|| Failure::new("no first process", evidence()))
}
