//! A lock that the daemon holds on its pidfile stays held: closing any descriptor of the file would drop it.

use pidward_tests::failure::{Checked, Failure};
use pidward_tests::world::{evidence, owner};

use crate::compare::bystander;
use crate::guard::post::{falls_asleep, kill};
use crate::guards::{end_with_guards, stub};
use crate::promise::Promise;
use crate::scene::{Scene, file};

const KINDS: &[&str] = &["posix", "ofd", "flock"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "a_lock_on_the_pidfile_stays_held_while_the_guard_starts",
        KINDS,
        stays_held,
    )
    .chain(Promise::each(
        "a_lock_on_the_pidfile_stays_held_when_a_child_that_shares_it_ends",
        KINDS,
        shared_lock,
    ))
    .chain(Promise::each(
        "its_own_lock_does_not_keep_the_daemon_from_removing",
        KINDS,
        own_lock,
    ))
    .chain(Promise::each(
        "its_own_lock_taken_before_it_forked_does_not_either",
        &["flock", "ofd"],
        inherited_lock,
    ))
    .chain(Promise::each(
        "a_pidfile_that_the_next_instance_waits_to_lock_stays",
        KINDS,
        awaited_lock,
    ))
    .chain(Promise::each(
        "a_pidfile_that_another_process_locks_stays",
        KINDS,
        anothers_lock,
    ))
}

/// The child looks at the pidfile when it ends. Who asks is another process.
fn shared_lock(scene: &Scene, kind: &str) -> Checked {
    let steps = format!("hold x.pid lock {kind} put child fork probe x.pid end");
    for child in ["clone_files", "clone_files_vm"] {
        let ends = format!("child {child} die _exit end child fork probe x.pid end");
        scene
            .lives(&format!("{steps} {ends} there x.pid die exit"))?
            .removed(&["x.pid"])?;
    }
    Ok(())
}

/// It gets its name when it is locked already, and is opened once more: both start a guard.
fn stays_held(scene: &Scene, kind: &str) -> Checked {
    let (key, exe) = stub();
    let both = scene.both_in(&[(key, &exe)], |life| {
        let steps = format!("hold x.new put lock {kind} move x.new x.pid make rename y.pid hold x.pid say ready hear");
        let mut daemon = life.start(&format!("{steps} die kill"))?;
        daemon.says("ready")?;
        let probed = bystander("probe x.pid")?;
        if !probed.said.contains("locked") {
            return Err(Failure::new("the lock is gone", probed.said));
        }
        daemon.go_on()?;
        let (ended, reports) = end_with_guards(daemon)?;
        match life.has_shim() && reports.len() != 3 {
            true => Err(Failure::new("other guards", format!("{reports:?}"))),
            false => Ok(ended),
        }
    })?;
    both.are_the_same()
}

fn own_lock(scene: &Scene, kind: &str) -> Checked {
    for death in ["die return", "die _exit", "die abort", "raise 15"] {
        scene
            .lives(&format!("hold x.pid lock {kind} put {death}"))?
            .removed(&["x.pid"])?;
    }
    Ok(())
}

/// flock(2) and OFD locks belong to the open file, which the daemon has from its dead parent.
fn inherited_lock(scene: &Scene, kind: &str) -> Checked {
    let steps = format!("hold x.pid lock {kind} child double_fork put die exit end die exit");
    scene.lives(&steps)?.removed(&["x.pid"])
}

fn anothers_lock(scene: &Scene, kind: &str) -> Checked {
    let both = scene.both_with(|life| {
        let mut daemon = life.start("make open x.pid say ready hear die return")?;
        daemon.says("ready")?;
        let mut holder = life.start(&format!("hold x.pid lock {kind} say locked hear"))?;
        holder.says("locked")?;
        daemon.go_on()?;
        let ended = daemon.end()?;
        holder.go_on()?;
        holder.end()?;
        Ok(ended)
    })?;
    both.are_the_same()
}

/// The next instance has opened the file and waits for the lock that the daemon holds.
fn awaited_lock(scene: &Scene, kind: &str) -> Checked {
    let both = scene.both_with(|life| {
        let steps = format!("hold x.pid lock {kind} put say ready hear die return");
        let mut daemon = life.start(&steps)?;
        daemon.says("ready")?;
        let mut next = life.start(&format!(
            "hold x.pid say opened await_lock {kind} put say locked hear"
        ))?;
        next.says("opened")?;
        falls_asleep(next.process.pid, 1)?;
        daemon.go_on()?;
        let ended = daemon.end()?;
        next.says("locked")?;
        let ours = owner(&file("x.pid")).is_some_and(|owner| owner.pid == next.process.pid);
        if !ours {
            return Err(Failure::new("took the next one's pidfile", evidence()));
        }
        kill(next)?;
        Ok(ended)
    })?;
    both.are_the_same()
}
