//! Restarts in which the old and the new instance share a pidfile: once things have settled, the living one's is there, and the
//! dead one's is not.

use std::env;
use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::evidence;

use crate::guard::post::{Post, daemon, kill};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{HOME, Scene};

/// How many restarts there are of each kind, where the environment does not say; 233 make ten thousand in all.
const EACH: usize = 3;

/// How a pidfile is written, and the steps.
const STYLES: [(&str, &str); 5] = [
    ("truncates_and_rewrites", "make open x.pid"),
    ("unlinks_and_creates", "make exclusive x.pid"),
    ("renames", "make rename x.pid"),
    ("locks_and_keeps", "hold x.pid await_lock flock put"),
    ("by_stdio", "make fopen_w x.pid"),
];

const DEATHS: [Signal; 3] = [Signal::SIGTERM, Signal::SIGSEGV, Signal::SIGKILL];

/// When the new instance starts.
const TIMES: [When; 3] = [When::Before, When::At, When::After];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    /// While the old one lives.
    Before,
    /// While it dies.
    At,
    /// When it is dead.
    After,
}

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let all = STYLES
        .into_iter()
        .flat_map(|style| DEATHS.map(|death| (style, death)));
    all.map(|((name, steps), death)| {
        let name = format!("a_restart_leaves_the_living_ones_pidfile::{name}::{death}");
        Promise::new(name, move |scene| restarts(scene, steps, death))
    })
    .collect()
}

fn restarts(scene: &Scene, steps: &str, death: Signal) -> Checked {
    scene.clear()?;
    scene.without_cores()?;
    let each = env::var("PIDWARD_RESTARTS").map_or(Ok(EACH), |each| each.parse());
    let each = each.doing("PIDWARD_RESTARTS")?;
    let post = Post::at("x.pid")?;
    let waits = steps.contains("await_lock");
    let start = || Legacy::start(instance(scene, steps));
    let mut old = start()?;
    old.says("ready")?;
    // A dying daemon that has its pidfile open itself sees who waits for the lock, and cannot see who only is about to.
    let is_blind = waits && death != Signal::SIGKILL;
    let times = TIMES.iter().filter(|when| **when != When::At || !is_blind);
    let times: Vec<When> = times.copied().collect();
    for (number, when) in (0..each).flat_map(|number| times.iter().map(move |when| (number, *when)))
    {
        let what = format!("restart {number} {when:?}");
        let new = restart(old, death, when, waits, &start)?;
        let settled = post.recorded(new.process.pid);
        settled.map_err(|failure| Failure::new(what.clone(), failure))?;
        let number = format!("{}\n", new.process.pid);
        if !fs::read_to_string(&post.pidfile).is_ok_and(|text| text == number) {
            return Err(Failure::new(what, evidence()));
        }
        old = new;
    }
    kill(old)?;
    post.cleared()
}

/// Ends the old one, and gives the new one when that is ready.
fn restart(
    old: Legacy,
    death: Signal,
    when: When,
    waits: bool,
    start: &dyn Fn() -> Checked<Legacy>,
) -> Checked<Legacy> {
    let dies = |old: &Legacy| old.process.signal(death).doing("end the old one");
    let mut new = match when {
        When::Before => {
            let mut new = start()?;
            // Who waits for the lock is not before that is free.
            match waits {
                true => waits_for_the_lock(&new)?,
                false => new.says("ready")?,
            }
            dies(&old)?;
            old.end()?;
            if !waits {
                return Ok(new);
            }
            new
        }
        When::At => {
            dies(&old)?;
            let new = start()?;
            old.end()?;
            new
        }
        When::After => {
            dies(&old)?;
            old.end()?;
            start()?
        }
    };
    new.says("ready")?;
    Ok(new)
}

/// Waits until it does: until then nobody can see that it is about to.
fn waits_for_the_lock(new: &Legacy) -> Checked {
    let call = format!("{} ", libc::SYS_flock);
    let waits = || {
        let now = fs::read_to_string(format!("/proc/{}/syscall", new.process.pid)).ok()?;
        now.starts_with(&call).then_some(())
    };
    let seen = every_ten_milliseconds(Deadline::seconds(10), waits);
    seen.ok_or_else(|| Failure::new("does not wait for the lock", evidence()))
}

/// An instance with a shim, which starts its guard.
fn instance(scene: &Scene, steps: &str) -> Command {
    let mut command = daemon(&format!("{steps} say ready hear"));
    command.env("LD_PRELOAD", &scene.library).current_dir(HOME);
    command.env("PIDWARD_GUARD_EXE", scene.release.join("pidward-guard"));
    command
}
