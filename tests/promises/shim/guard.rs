//! The guard is started once a pidfile, and the daemon cannot notice. What is started here is a program that writes
//! down how it was started (`programs/guard.c`).

use std::path::Path;

use pidward_tests::failure::Checked;

use crate::compare::NO_GUARD;
use crate::guards::{Report, with_guards};
use crate::promise::Promise;
use crate::scene::{HOME, Scene};

/// What the daemon looks at before and after: its children, their deaths, its descriptors and its signal mask.
const LOOKS: &str =
    "set sigaction 17 count restart children descriptors status SigBlk status ShdPnd";
const LOOKS_AGAIN: &str =
    "errno children descriptors status SigBlk status ShdPnd status Threads ran";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "the_daemon_does_not_notice_that_a_guard_is_started",
            unnoticed,
        ),
        each(
            "nor_does_one_that_blocks_all_signals",
            unnoticed_with_signals_blocked,
        ),
        each("nor_does_one_that_adopts_orphans", |scene| {
            let steps = format!("adopt_orphans {LOOKS} make open x.pid {LOOKS_AGAIN} state");
            let steps = format!("{steps} say ready hear {LOOKS_AGAIN} die return");
            with_guards(scene, &[], &steps, 1, |_, _| true)
        }),
        each(
            "the_guard_is_inits_child_with_nothing_of_the_daemons_but_a_pidfd",
            inherits_nothing,
        ),
        each(
            "the_guard_gets_no_environment_that_it_does_not_need",
            needs_no_environment,
        ),
        each("a_pidfile_opened_again_starts_no_other_guard", |scene| {
            let reopened = "reopen x.pid ".repeat(7);
            starts(
                scene,
                &format!("make open x.pid {reopened} die _exit"),
                &["x.pid"],
            )
        }),
        each("a_pidfile_made_anew_starts_another_guard", |scene| {
            starts(
                scene,
                "make open x.pid make rename x.pid die _exit",
                &["x.pid", "x.pid"],
            )
        }),
        each("each_pidfile_has_a_guard", |scene| {
            starts(
                scene,
                "make open x.pid make fopen_w y.pid die _exit",
                &["x.pid", "y.pid"],
            )
        }),
        each("a_forked_child_that_makes_its_own_has_one_too", |scene| {
            starts(
                scene,
                "make open x.pid child fork make creat y.pid end die _exit",
                &["x.pid", "y.pid"],
            )
        }),
        each("a_pidfile_made_by_a_child_by_vfork_has_one_too", |scene| {
            for before in ["", "make open x.pid gone x.pid"] {
                let pidfiles: &[&str] = if before.is_empty() {
                    &["y.pid"]
                } else {
                    &["x.pid", "y.pid"]
                };
                let steps = format!(
                    "{before} child vfork make creat y.pid gone y.pid die _exit end die _exit"
                );
                starts(scene, &steps, pidfiles)?;
            }
            Ok(())
        }),
        each("a_program_that_makes_no_pidfile_has_no_guard", |scene| {
            starts(scene, "make open x.txt read open x.txt die _exit", &[])
        }),
        each("a_guard_that_is_switched_off_is_not_started", switched_off),
        each("a_title_over_the_setting_starts_none_either", |scene| {
            with_guards(
                scene,
                &[NO_GUARD],
                "title make open x.pid die return",
                0,
                |_, _| true,
            )
        }),
        each("a_guard_that_is_not_there_changes_nothing", not_there),
        each(
            "a_limit_of_processes_that_is_reached_changes_nothing",
            no_processes,
        ),
    ]
    .into_iter()
}

fn unnoticed(scene: &Scene) -> Checked {
    let steps = format!("{LOOKS} make open x.pid {LOOKS_AGAIN} make rename x.pid {LOOKS_AGAIN}");
    let steps = format!("{steps} say ready hear {LOOKS_AGAIN} die return");
    with_guards(scene, &[], &steps, 2, |_, _| true)
}

fn unnoticed_with_signals_blocked(scene: &Scene) -> Checked {
    let steps = format!("block 17 block 15 {LOOKS} make open x.pid {LOOKS_AGAIN}");
    let steps = format!("{steps} say ready hear {LOOKS_AGAIN} raise 2");
    with_guards(scene, &[], &steps, 1, |_, _| true)
}

fn inherits_nothing(scene: &Scene) -> Checked {
    let steps = "hold x.txt lock flock put make open x.pid say ready hear die return";
    with_guards(scene, &[], steps, 1, |pid, reports| {
        let expected = [
            "argument pidward: guard".to_owned(),
            format!("argument {HOME}/x.pid"),
            "parent 1".to_owned(),
            format!("descriptor 0 pidfd of {pid}"),
        ];
        reports == [expected]
    })
}

fn needs_no_environment(scene: &Scene) -> Checked {
    let of = |reports: &[Report]| -> Vec<String> {
        let lines = reports
            .iter()
            .flatten()
            .filter_map(|line| line.strip_prefix("environment "));
        lines.map(str::to_owned).collect()
    };
    let (home, state) = (("HOME", "/root"), ("XDG_STATE_HOME", "/state"));
    let steps = "make open x.pid die return";
    with_guards(scene, &[home, state], steps, 1, |_, reports| {
        of(reports) == ["HOME=/root", "XDG_STATE_HOME=/state"]
    })?;
    with_guards(scene, &[home], steps, 1, |_, reports| {
        of(reports) == ["HOME=/root"]
    })?;
    with_guards(scene, &[state], steps, 1, |_, reports| {
        of(reports) == ["XDG_STATE_HOME=/state"]
    })?;
    with_guards(scene, &[], steps, 1, |_, reports| of(reports).is_empty())
}

/// The daemon starts guards for these pidfiles.
fn starts(scene: &Scene, steps: &str, pidfiles: &[&str]) -> Checked {
    with_guards(scene, &[], steps, pidfiles.len(), |_, reports| {
        let argument = |file: &&str| format!("argument {}", Path::new(HOME).join(file).display());
        let started = reports
            .iter()
            .map(|report| report.get(1).cloned().unwrap_or_default());
        started.eq(pidfiles.iter().map(argument))
    })
}

fn switched_off(scene: &Scene) -> Checked {
    let off = [NO_GUARD];
    with_guards(scene, &off, "make open x.pid die return", 0, |_, _| true)
}

/// None beside the library, none installed, and what is named is not there, is a directory, or no program.
fn not_there(scene: &Scene) -> Checked {
    for named in ["/nowhere/guard", "relative/guard", HOME, "/etc/passwd", ""] {
        let steps = format!("{LOOKS} make open x.pid {LOOKS_AGAIN} die return");
        let both = scene.both_in(&[("PIDWARD_GUARD_EXE", named)], |life| {
            life.start(&steps)?.end()
        })?;
        both.removed(&["x.pid"])?;
    }
    Ok(())
}

fn no_processes(scene: &Scene) -> Checked {
    let steps = format!("nobody no_processes {LOOKS} make open x.pid {LOOKS_AGAIN} die return");
    with_guards(scene, &[], &steps, 0, |_, _| true)
}
