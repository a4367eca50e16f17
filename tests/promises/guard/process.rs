//! What a guard is as a process: nobody's but init's, with nothing of the daemon's, and not to be ended in passing.

use std::fs::{self, File};
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::record::Record;

use super::post::{Post, kill, leaves, ready};
use crate::compare::bare;
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file};

/// The two who start guards.
const STARTERS: &[&str] = &["run", "shim"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each("the_guard_is_a_process_of_its_own", STARTERS, of_its_own)
        .chain(Promise::each(
            "the_guard_has_none_of_the_daemons_descriptors_and_variables",
            STARTERS,
            inherits_nothing,
        ))
        .chain(Promise::each(
            "the_guard_outlives_the_signals_that_end_a_session",
            STARTERS,
            outlives_signals,
        ))
}

/// A daemon that a guard has recorded, started so.
pub(super) fn started_by(scene: &Scene, starter: &str) -> Checked<(Legacy, Process, Post)> {
    scene.clear()?;
    // All that is started inherits one descriptor more than most programs think of.
    let spare = File::create(file("inherited")).doing("make a file to inherit")?;
    fcntl(&spare, FcntlArg::F_DUPFD(300)).doing("make an inherited descriptor")?;
    let post = Post::at("x.pid")?;
    let steps = "block 15 make open x.pid say ready hear";
    let mut command = match starter {
        "run" => {
            let mut command = pidward(scene, &["run", "-p", "x.pid", "--no-preload", "--"]);
            command.arg(Scene::program(LEGACY));
            command
        }
        _ => {
            let mut command = bare(&Scene::program(LEGACY));
            command.env("LD_PRELOAD", scene.release.join("libpidward.so"));
            command
        }
    };
    command.args(steps.split_whitespace());
    command
        .env("NOTIFY_SOCKET", "/run/notify")
        .env("HOME", "/root");
    let daemon = ready(command)?;
    let guard = post.recorded(daemon.process.pid)?;
    Ok((daemon, guard, post))
}

/// The lowest `oom_score_adj` that we may set. Everything started from now on has a higher one to begin with.
fn lowest_oom_score() -> Checked<String> {
    /// `CAP_SYS_RESOURCE`, by its bit; without it, what we have is the lowest.
    const RESOURCE: u64 = 1 << 24;
    let status = fs::read_to_string("/proc/self/status").doing("our status")?;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.map(|mask| u64::from_str_radix(mask.trim(), 16));
    let effective = effective.ok_or("none").doing("our capabilities")?;
    let own = fs::read_to_string("/proc/self/oom_score_adj").doing("our score")?;
    fs::write("/proc/self/oom_score_adj", "500").doing("raise our score")?;
    let may_lower = effective.doing("our capabilities")? & RESOURCE != 0;
    Ok(if may_lower { "-1000\n".to_owned() } else { own })
}

fn of_its_own(scene: &Scene, starter: &str) -> Checked {
    let lowest = lowest_oom_score()?;
    let (daemon, guard, post) = started_by(scene, starter)?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", guard.pid)).doing("its stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("none").doing("its stat")?;
    let field = |number: usize| fields.split(' ').nth(number - 3).unwrap_or_default();
    let pid = guard.pid.to_string();
    let entry = |name: &str| format!("/proc/{}/{name}", guard.pid);
    let command = fs::read(entry("cmdline")).doing("its command line")?;
    let command = String::from_utf8_lossy(&command).into_owned();
    let expected = [
        ("parent", field(4).to_owned(), "1".to_owned()),
        ("process group", field(5).to_owned(), pid.clone()),
        ("session", field(6).to_owned(), pid),
        ("terminal", field(7).to_owned(), "0".to_owned()),
        ("threads", field(20).to_owned(), "1".to_owned()),
        (
            "directory",
            fs::read_link(entry("cwd"))
                .doing("its directory")?
                .display()
                .to_string(),
            "/".to_owned(),
        ),
        (
            "command line",
            command.trim_end_matches('\0').to_owned(),
            format!("pidward: guard\0{HOME}/x.pid"),
        ),
        (
            "name",
            fs::read_to_string(entry("comm")).doing("its name")?,
            "pidward: guard\n".to_owned(),
        ),
        (
            "oom_score_adj",
            fs::read_to_string(entry("oom_score_adj")).doing("its score")?,
            lowest,
        ),
    ];
    for (what, found, expected) in expected {
        if found != expected {
            let evidence = format!("{found:?}, expected {expected:?}");
            return Err(Failure::new(format!("another {what}"), evidence));
        }
    }
    kill(daemon)?;
    post.cleared()
}

fn inherits_nothing(scene: &Scene, starter: &str) -> Checked {
    let (daemon, guard, post) = started_by(scene, starter)?;
    // It sleeps: what it has is what it keeps.
    super::post::falls_asleep(guard.pid, 1)?;
    let own = [
        Path::new(HOME).to_owned(),
        post.pidfile.clone(),
        Record::path(&post.pidfile),
        "anon_inode:inotify".into(),
        "anon_inode:[pidfd]".into(),
    ];
    let mut descriptors = proc::descriptors(guard.pid);
    if descriptors.is_empty() {
        return Err(Failure::new("the test itself", "no descriptors are seen"));
    }
    let is_pidfd = |path: &Path| path.to_string_lossy().starts_with("pidfd:");
    descriptors.retain(|it| !own.contains(&it.leads_to) && !is_pidfd(&it.leads_to));
    let environment = fs::read_to_string(format!("/proc/{}/environ", guard.pid));
    let environment = environment.doing("its environment")?;
    if !descriptors.is_empty() || environment != "HOME=/root\0" {
        let evidence = format!("{descriptors:#?}\n{environment:?}");
        return Err(Failure::new("inherits something", evidence));
    }
    kill(daemon)?;
    post.cleared()
}

fn outlives_signals(scene: &Scene, starter: &str) -> Checked {
    let (daemon, guard, post) = started_by(scene, starter)?;
    let status = fs::read_to_string(format!("/proc/{}/status", guard.pid)).doing("its status")?;
    if !status.contains("SigBlk:\t0000000000000000") {
        return Err(Failure::new("blocks signals, so may not get them", status));
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        guard.signal(signal).doing("signal the guard")?;
    }
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}
