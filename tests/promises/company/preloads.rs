//! Libraries that are preloaded too and stand in front of the C library as we do, before us and after us.

use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing};

use crate::compare::{Life, NO_GUARD_STAYS, Setting};
use crate::legacy::{Ended, Legacy};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

/// What the dynamic linker finds them by, a part of their file's name, and what they are told.
const LIBRARIES: [(&str, &str, Setting); 4] = [
    (
        "libjemalloc.so.2",
        "libjemalloc",
        &[("MALLOC_CONF", "background_thread:true")],
    ),
    ("libtcmalloc_minimal.so.4", "libtcmalloc", &[]),
    ("libeatmydata.so", "libeatmydata", &[]),
    (
        "/usr/$LIB/faketime/libfaketimeMT.so.1",
        "libfaketime",
        &[("FAKETIME", "-10d")],
    ),
];

/// In the last, the signal comes to a thread that allocates.
const ENDS: [&str; 8] = [
    "die return",
    "die _exit",
    "die quick_exit",
    "die abort",
    "die segv",
    "raise 15",
    "child thread raise_in_thread 15 end",
    "block 14 wait itimer_real",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = LIBRARIES.into_iter().map(|(library, name, setting)| {
        Promise::new(
            format!("the_shim_works_before_and_after_another_library::{name}"),
            move |scene: &Scene| before_and_after(scene, library, name, setting),
        )
    });
    each.chain([
        Promise::new(
            "the_shim_works_before_and_after_another_library::libfakeroot",
            under_fakeroot,
        ),
        Promise::new("two_copies_of_the_shim_are_as_good_as_one", two_copies),
    ])
}

/// While other threads allocate.
fn before_and_after(scene: &Scene, library: &str, name: &str, setting: Setting) -> Checked {
    scene.without_cores()?;
    let environment = [&[NO_GUARD_STAYS], setting].concat();
    for end in ENDS {
        for (before, after) in [(library, ""), ("", library)] {
            let both = scene.both_in(&environment, |life| {
                let command = life.command_among(&Scene::program(LEGACY), before, after);
                live(command, name, end)
            })?;
            both.removed(&["x.pid", "y.pid"])?;
        }
    }
    Ok(())
}

/// The daemon's life, in which the other library really is.
fn live(mut command: Command, name: &str, end: &str) -> Checked<Ended> {
    let steps = format!(
        "mapped {name} churn make fopen_w x.pid make rename y.pid borrow 15 query 15 children {end}"
    );
    command.args(steps.split_whitespace());
    let mut daemon = Legacy::start(command)?;
    daemon.says(&format!("{name} is mapped"))?;
    daemon.end()
}

/// One beside the daemon, and one that is installed.
fn two_copies(scene: &Scene) -> Checked {
    let copy = Scene::program("copy.so");
    fs::copy(&scene.library, &copy).doing("copy the library")?;
    for end in ENDS {
        let both = scene.both_in(&[NO_GUARD_STAYS], |life| {
            let second = if life.has_shim() {
                copy.to_string_lossy()
            } else {
                "".into()
            };
            let command = life.command_among(&Scene::program(LEGACY), "", &second);
            live(command, "legacy", end)
        })?;
        both.removed(&["x.pid", "y.pid"])?;
    }
    Ok(())
}

/// Its command preloads it before us, and ends as a shell does. It speaks with a process for what it pretends.
fn under_fakeroot(scene: &Scene) -> Checked {
    scene.without_cores()?;
    let in_front = |life: &Life<'_>| {
        let mut command = life.command("fakeroot".as_ref());
        command.arg("--").arg(Scene::program(LEGACY));
        command
    };
    let behind = |life: &Life<'_>| {
        let mut command = life.command("fakeroot".as_ref());
        command.env_remove("LD_PRELOAD").args(["--", "env"]);
        let shim = Some(life.preload()).filter(|setting| !setting.is_empty());
        command.args(shim.map(|setting| format!("{setting}:libfakeroot-sysv.so")));
        command.arg(Scene::program(LEGACY));
        command
    };
    for end in ENDS {
        for command in [&in_front as &dyn Fn(&Life<'_>) -> Command, &behind] {
            scene
                .both_in(&[NO_GUARD_STAYS], |life| {
                    live(command(life), "libfakeroot", end)
                })?
                .removed(&["x.pid", "y.pid"])?;
        }
    }
    Ok(())
}
