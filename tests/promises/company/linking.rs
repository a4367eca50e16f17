//! Ways to link and to load a program that change what a preloaded library can do.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use pidward_tests::failure::{Checked, Doing};

use crate::compare::NO_GUARD;
use crate::legacy::Legacy;
use crate::programs::{self, LEGACY};
use crate::promise::Promise;
use crate::scene::{Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "symbols_bound_at_once_are_bound_to_the_hooks",
            bound_at_once,
        ),
        each(
            "a_static_program_is_not_reached_and_hears_nothing",
            static_program,
        ),
        each(
            "a_program_with_its_files_rights_ignores_ld_preload_and_hears_nothing",
            with_rights,
        ),
    ]
    .into_iter()
}

fn bound_at_once(scene: &Scene) -> Checked {
    for end in [
        "die return",
        "die _exit",
        "die abort",
        "die segv",
        "raise 15",
    ] {
        let steps = format!("make open x.pid make rename y.pid borrow 15 query 15 {end}");
        scene
            .both_in(&[NO_GUARD, ("LD_BIND_NOW", "1")], |life| {
                life.start(&steps)?.end()
            })?
            .removed(&["x.pid", "y.pid"])?;
    }
    Ok(())
}

/// Position-independent, it looks like a program with an interpreter, and has none.
fn static_program(scene: &Scene) -> Checked {
    let program = Scene::program("static");
    programs::compile(
        "cc",
        &["-static-pie"],
        &[programs::source("hello.c")],
        &program,
    )?;
    for end in ["return", "_exit", "term", "abort"] {
        let both = scene.both_with(|life| {
            let mut command = life.command(&program);
            command.args(["hello.pid", end]);
            Legacy::start(command)?.end()
        })?;
        both.are_the_same()?;
    }
    Ok(())
}

/// With such rights, the dynamic linker takes no library that is named by its path (ld.so(8)).
fn with_rights(scene: &Scene) -> Checked {
    for end in ["die return", "die abort", "raise 15"] {
        let both = scene.both_with(|life| {
            let program = file("daemon");
            fs::copy(Scene::program(LEGACY), &program).doing("copy the daemon")?;
            chown(&program, Some(65534), None).doing("give the daemon away")?;
            fs::set_permissions(&program, fs::Permissions::from_mode(0o4755))
                .doing("give it rights")?;
            let mut command = life.command(&program);
            let steps = format!("mapped libpidward make open x.pid borrow 15 query 15 {end}");
            command.args(steps.split_whitespace());
            let mut daemon = Legacy::start(command)?;
            daemon.says("libpidward is not mapped")?;
            daemon.end()
        })?;
        both.are_the_same()?;
    }
    Ok(())
}
