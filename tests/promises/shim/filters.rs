//! Under a seccomp filter the shim does nothing at all: the daemon ends as it did, and the pidfile is the guard's.

use pidward_tests::failure::Checked;

use crate::compare::{NO_GUARD, bystander};
use crate::promise::Promise;
use crate::scene::{HOME, Scene, write};

/// How a filter is set.
const WAYS: &[&str] = &["prctl", "syscall", "tsync", "raw_prctl", "libseccomp"];

/// How a daemon leaves that may do little more than that.
const LEAVES: [&str; 4] = ["die return", "die exit", "die _exit", "die quick_exit"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "a_filter_set_after_the_pidfile_was_made_lets_the_daemon_leave",
        WAYS,
        set_after,
    )
    .chain(Promise::each(
        "a_daemon_under_a_filter_dies_of_a_signal_as_it_did",
        WAYS,
        signalled,
    ))
    .chain(Promise::each(
        "a_pidfile_made_under_a_filter_changes_nothing",
        WAYS,
        made_under,
    ))
    .chain(Promise::each(
        "a_filter_that_is_refused_changes_nothing",
        WAYS,
        |scene, way| {
            scene
                .lives(&format!(
                    "nobody make open x.pid refused {way} query 15 raise 15"
                ))?
                .removed(&["x.pid"])
        },
    ))
    .chain([
        each(
            "a_pidfile_renamed_under_a_filter_changes_nothing",
            |scene| {
                for to in ["x.old", "y.pid"] {
                    let steps = format!(
                        "make open x.pid filter prctl names move x.pid {to} say alive die return"
                    );
                    scene.lives(&steps)?.are_the_same()?;
                }
                Ok(())
            },
        ),
        each(
            "an_inherited_filter_that_cannot_be_seen_lets_the_daemon_live",
            |scene| {
                for hidden in ["many_groups", "few_files 4"] {
                    let steps =
                        format!("{hidden} {INHERIT} make open {HOME}/x.pid say alive die return");
                    scene.lives(&steps)?.are_the_same()?;
                }
                Ok(())
            },
        ),
        each(
            "a_daemon_that_takes_its_own_system_calls_dies_as_it_did",
            |scene| {
                let both = scene.both_with(|life| {
                    let mut daemon = life.start("make open x.pid dispatch spin")?;
                    daemon.says("ready")?;
                    bystander(&format!("send {} 15", daemon.process.pid))?;
                    daemon.end()
                })?;
                both.are_the_same()
            },
        ),
        each("a_filter_of_a_child_by_vfork_lets_both_go_on", |scene| {
            let child = "child vfork filter prctl minimal say alive die _exit end";
            scene
                .lives(&format!(
                    "make open x.pid {child} query 15 there x.pid raise 15"
                ))?
                .are_the_same()
        }),
        each("the_strict_mode_lets_the_daemon_leave", |scene| {
            scene
                .lives("make open x.pid strict say alive die raw_exit")?
                .are_the_same()
        }),
        each("a_filter_that_traps_ends_the_daemon_as_it_did", |scene| {
            scene.with_and_without_cores(|| {
                scene
                    .lives("make open x.pid filter prctl traps trapped")?
                    .are_the_same()
            })
        }),
        each("an_inherited_filter_lets_the_daemon_live", inherited),
        each(
            "an_inherited_filter_lets_a_relative_pidfile_be_made",
            inherited_relative,
        ),
        each(
            "an_inherited_filter_lets_a_named_pidfile_be_there",
            inherited_named,
        ),
    ])
}

fn set_after(scene: &Scene, way: &str) -> Checked {
    for leave in LEAVES {
        let steps = format!("make open x.pid filter {way} minimal say alive {leave}");
        scene.lives(&steps)?.are_the_same()?;
    }
    Ok(())
}

fn signalled(scene: &Scene, way: &str) -> Checked {
    for signal in ["15", "11", "6", "40"] {
        let both = scene.both_with(|life| {
            let mut daemon = life.start(&format!(
                "make open x.pid filter {way} minimal say ready spin"
            ))?;
            daemon.says("ready")?;
            bystander(&format!("send {} {signal}", daemon.process.pid))?;
            daemon.end()
        })?;
        both.are_the_same()?;
    }
    Ok(())
}

/// The filter allows what the daemon needs to make a file, and not what the shim would need to know its directory.
fn made_under(scene: &Scene, way: &str) -> Checked {
    for path in [format!("{HOME}/x.pid"), "x.pid".to_owned()] {
        for first in ["", "make open first.pid"] {
            let steps = format!(
                "{first} filter {way} files make open {path} make openat {path} say alive die return"
            );
            scene.lives(&steps)?.are_the_same()?;
        }
    }
    Ok(())
}

/// What the daemon inherits kills for the calls that only the shim makes.
const INHERIT: &str = "filter prctl not_its_own exec";

fn inherited(scene: &Scene) -> Checked {
    for leave in LEAVES {
        let steps = format!("{INHERIT} make open {HOME}/x.pid say alive {leave}");
        scene.lives(&steps)?.are_the_same()?;
    }
    Ok(())
}

fn inherited_relative(scene: &Scene) -> Checked {
    scene
        .lives(&format!("{INHERIT} make creat x.pid say alive die return"))?
        .are_the_same()
}

fn inherited_named(scene: &Scene) -> Checked {
    let named = format!("{HOME}/daemon.lock");
    let both = scene.both_in(&[NO_GUARD, ("PIDWARD_PIDFILE", &named)], |life| {
        let mut daemon = life.start(&format!("hear {INHERIT} say alive die return"))?;
        write("daemon.lock", daemon.process.pid.to_string())?;
        daemon.go_on()?;
        daemon.end()
    })?;
    both.are_the_same()
}
