//! All that loses its parent is reaped; what still lives when the daemon is dead is left alone.

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::world::evidence;

use super::{Service, WAYS};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each("a_thousand_orphans_are_reaped", WAYS, orphans).chain([Promise::new(
        "what_outlives_the_daemon_is_left_alone",
        outlives,
    )])
}

fn orphans(scene: &Scene, way: &str) -> Checked {
    let steps = "catch detach make open x.pid say ready serve 1 orphans 1000 say orphaned serve 15 die return";
    let mut service = Service::start(scene, way, steps)?;
    service.signal(Signal::SIGHUP)?;
    service.foreground.says("orphaned")?;
    only_three_are_left(&service)?;
    service.signal(Signal::SIGTERM)?;
    service.ends(7).map(drop)
}

/// Of all that pidward is the parent of, daemon and guard are left, and no zombie. No event tells of that.
fn only_three_are_left(service: &Service) -> Checked {
    let deadline = Deadline::seconds(10);
    loop {
        let all = proc::others();
        let children = all
            .iter()
            .filter(|seen| seen.parent == service.foreground.process.pid)
            .filter(|seen| !seen.is_pidward());
        if children.count() == 1 && !all.iter().any(proc::Seen::is_zombie) {
            return Ok(());
        }
        if deadline.passed() {
            return Err(Failure::new("not reaped", evidence()));
        }
        std::thread::yield_now();
    }
}

fn outlives(scene: &Scene) -> Checked {
    let steps = "detach aside say beside hear say heard end make open x.pid say ready pause";
    let mut service = Service::start(scene, "named", steps)?;
    service.signal(Signal::SIGTERM)?;
    if !service.foreground.process.dies_by(Deadline::seconds(10)) {
        return Err(Failure::new("does not end", evidence()));
    }
    let left = proc::others();
    let left = left.iter().find(|seen| seen.comm == LEGACY);
    let left = left.and_then(|seen| Process::living(seen.pid));
    let left = left.ok_or_else(|| Failure::new("nothing is left", evidence()))?;
    service.foreground.go_on()?;
    service.foreground.says("heard")?;
    if !left.dies_by(Deadline::seconds(10)) {
        return Err(Failure::new("the test itself", evidence()));
    }
    service.ends(143).map(drop)
}
