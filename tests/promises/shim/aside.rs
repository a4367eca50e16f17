//! Where the shim must not act, it steps aside: as PID 1 of a namespace, and with rights that its caller has not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace;

use crate::compare::{Life, Lives, bystander};
use crate::guards::{end_with_guards, stub};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::{HOME, Scene};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("as_pid_1_a_signal_without_a_handler_is_still_discarded", discarded_as_pid_1),
        each("as_pid_1_the_pidfile_is_removed_when_it_exits", |scene| {
            as_pid_1(scene, "make open x.pid query 15 status SigCgt die return")?.removed(&["x.pid"])
        }),
        each("a_child_that_becomes_pid_1_discards_signals_too", |scene| {
            let steps = "make open x.pid child pid_1 raise 15 raise 1 raise 40 say alive end there x.pid raise 15";
            scene.lives(steps)?.removed(&["x.pid"])
        }),
        each("a_program_with_its_files_rights_is_left_alone", with_rights_of_a_file),
    ]
    .into_iter()
}

/// The daemon is PID 1 of a namespace of its own; unshare(1) waits for it, and ends as it ended.
fn start_as_pid_1(life: &Life<'_>, steps: &str) -> Checked<Legacy> {
    let mut unshare = life.command("unshare".as_ref());
    unshare
        .env_remove("LD_PRELOAD")
        .args(["--pid", "--fork", "--kill-child", "env"]);
    unshare.args(Some(life.preload()).filter(|setting| !setting.is_empty()));
    unshare
        .arg(Scene::program(LEGACY))
        .args(steps.split_whitespace());
    Legacy::start(unshare)
}

fn as_pid_1(scene: &Scene, steps: &str) -> Checked<Lives> {
    scene.both_with(|life| start_as_pid_1(life, steps)?.end())
}

/// Raised by itself, and sent from outside.
fn discarded_as_pid_1(scene: &Scene) -> Checked {
    let both = scene.both_with(|life| {
        let steps =
            "make open x.pid raise 15 raise 1 raise 34 say ready hear raise 9 say alive die _exit";
        let mut daemon = start_as_pid_1(life, steps)?;
        daemon.says("ready")?;
        let children = format!("/proc/{0}/task/{0}/children", daemon.process.pid);
        let child = fs::read_to_string(children).doing("look for PID 1")?;
        bystander(&format!("send {child} 15 send {child} 1 send {child} 34"))?;
        daemon.go_on()?;
        daemon.end()
    })?;
    both.removed(&["x.pid"])
}

/// LD_PRELOAD does not reach it, but /etc/ld.so.preload does (ld.so(8)).
fn with_rights_of_a_file(scene: &Scene) -> Checked {
    namespace::cover("/etc")?;
    let (key, guard) = stub();
    for (mode, removed) in [(0o755, &["x.pid"] as &[&str]), (0o4755, &[])] {
        let both = scene.both_in(&[(key, &guard)], |life| {
            let program = Path::new(HOME).join("daemon");
            fs::copy(Scene::program(LEGACY), &program).doing("copy the daemon")?;
            chown(&program, Some(65534), None).doing("give the daemon away")?;
            fs::set_permissions(&program, fs::Permissions::from_mode(mode))
                .doing("give it rights")?;
            let mut command = life.command(&program);
            command.env_remove("LD_PRELOAD").args(
                "fork_while_listed say up hear query 15 make open x.pid query 15 die return"
                    .split(' '),
            );
            if life.has_shim() {
                fs::write("/etc/ld.so.preload", scene.library.display().to_string())
                    .doing("preload")?;
            }
            let mut daemon = Legacy::start(command)?;
            daemon.says("up")?;
            if life.has_shim() {
                fs::remove_file("/etc/ld.so.preload").doing("preload no more")?;
            }
            daemon.go_on()?;
            let (ended, reports) = end_with_guards(daemon)?;
            match life.has_shim() && reports.len() != removed.len() {
                true => Err(Failure::new("other guards", format!("{reports:?}"))),
                false => Ok(ended),
            }
        })?;
        both.removed(removed)?;
    }
    Ok(())
}
