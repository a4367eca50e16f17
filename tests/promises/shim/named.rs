//! A pidfile that the user has named is one, whatever it is called; also one that was there before the daemon.

use pidward_tests::failure::Checked;

use crate::compare::{Life, NO_GUARD, bystander};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_named_pidfile_is_removed_whatever_its_name", |scene| {
            let named = format!("/elsewhere/a.lock:{HOME}/daemon.lock:{HOME}/b.run");
            made_under(scene, "PIDWARD_PIDFILE", &named, &["daemon.lock", "b.run"])
        }),
        each("so_is_the_one_that_systemd_names", |scene| {
            made_under(
                scene,
                "PIDFILE",
                &format!("{HOME}/daemon.lock"),
                &["daemon.lock"],
            )
        }),
        each(
            "with_all_rooms_named_the_last_one_is_still_known",
            |scene| {
                let all: Vec<String> = (0..20)
                    .map(|number| format!("{HOME}/{number}.lock"))
                    .collect();
                let steps = "make open 15.lock make open 16.lock die return";
                let named = all.join(":");
                let live = |life: &Life<'_>| life.start(steps)?.end();
                let both = scene.both_in(&[NO_GUARD, ("PIDWARD_PIDFILE", &named)], live)?;
                both.removed(&["15.lock"])
            },
        ),
        each("a_relative_path_names_nothing", |scene| {
            made_under(scene, "PIDWARD_PIDFILE", "daemon.lock", &[])
        }),
        each(
            "a_named_pidfile_written_before_the_daemon_is_removed",
            |scene| written_before(scene, "echo $$ >daemon.lock", &["daemon.lock"]),
        ),
        each("without_a_newline_too", |scene| {
            written_before(scene, "printf %s $$ >daemon.lock", &["daemon.lock"])
        }),
        each("a_named_pidfile_of_another_process_stays", |scene| {
            written_before(scene, "echo 1 >daemon.lock", &[])
        }),
        each("a_named_pidfile_that_is_no_file_stays", |scene| {
            written_before(scene, "mkdir daemon.lock", &[])
        }),
        each("a_named_pidfile_that_is_a_fifo_holds_nobody_up", |scene| {
            written_before(scene, "mkfifo daemon.lock", &[])
        }),
        each(
            "a_named_pidfile_that_was_locked_before_exec_stays_locked",
            locked_before,
        ),
    ]
    .into_iter()
}

/// The daemon makes two files; those named, and no other, are removed.
fn made_under(scene: &Scene, key: &str, named: &str, removed: &[&str]) -> Checked {
    let steps = "make open daemon.lock make rename b.run errno query 15 die return";
    scene
        .both_in(&[NO_GUARD, (key, named)], |life| life.start(steps)?.end())?
        .removed(removed)
}

/// A shell writes the file and becomes the daemon. When the shell has no shim, it is the one in the daemon that
/// finds the file at its start.
fn written_before(scene: &Scene, write: &str, removed: &[&str]) -> Checked {
    let named = format!("{HOME}/daemon.lock");
    let legacy = Scene::program(LEGACY);
    for end in ["query 15 die return", "raise 15", "die abort"] {
        for shell_has_shim in [true, false] {
            let both = scene.both_in(&[NO_GUARD, ("PIDWARD_PIDFILE", &named)], |life| {
                let mut shell = life.command("/bin/sh".as_ref());
                let preload = if shell_has_shim {
                    String::new()
                } else {
                    life.preload()
                };
                if !shell_has_shim {
                    shell.env_remove("LD_PRELOAD");
                }
                let turn = format!("exec env {preload} {} {end}", legacy.display());
                shell.args(["-c", &format!("{write}; {turn}")]);
                Legacy::start(shell)?.end()
            })?;
            both.removed(removed)?;
        }
    }
    Ok(())
}

/// A POSIX lock survives execve(2); reading the file in the same process would lose it.
fn locked_before(scene: &Scene) -> Checked {
    let named = format!("{HOME}/daemon.lock");
    let both = scene.both_in(&[NO_GUARD, ("PIDWARD_PIDFILE", &named)], |life| {
        write("daemon.lock", "")?;
        let steps = "hold daemon.lock lock posix put exec say ready hear die return";
        let mut daemon = life.start(steps)?;
        daemon.says("ready")?;
        let probed = bystander("probe daemon.lock")?;
        daemon.go_on()?;
        let mut ended = daemon.end()?;
        ended.said += &probed.said;
        Ok(ended)
    })?;
    both.removed(&["daemon.lock"])
}
