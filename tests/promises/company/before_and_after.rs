//! Libraries whose constructors run before ours, and whose destructors run after it.
//!
//! Of several preloaded libraries the last is the first to begin and the last to end (the linker goes through its list
//! from behind, then from the front); those that a program is linked with come behind all of them.

use std::fs;
use std::path::Path;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::watch::Watch;
use pidward_tests::world::evidence;

use crate::compare::{Life, Lives, NO_GUARD};
use crate::guards::{end_with_guards, stub};
use crate::legacy::{Ended, Legacy};
use crate::programs::{self, GUARD, LEGACY, NEIGHBOUR};
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file};

/// Steps to the end of a process.
const ENDS: &[&str] = &["die _exit", "die quick_exit", "die abort", "raise 15"];

/// What a program does that made the pidfile in a constructor.
const ENDS_OF_MAIN: &[&str] = &["die return", "die _exit", "die abort", "raise 15"];

/// A pidfile, and what shows that dispositions are as virtual as ever.
const MAKE: &str = "make open x.pid borrow 15 query 15";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "a_pidfile_that_a_constructor_makes_before_ours_is_removed",
        ENDS_OF_MAIN,
        |scene, end| neighbours(scene, &[("EARLY", MAKE)], end)?.removed(&["x.pid"]),
    )
    .chain(Promise::each(
        "so_is_one_of_a_program_that_ends_before_our_constructor",
        ENDS,
        |scene, end| {
            let steps = format!("{MAKE} {end}");
            neighbours(scene, &[("EARLY", &steps)], "say never")?.removed(&["x.pid"])
        },
    ))
    .chain(Promise::each(
        "a_pidfile_that_a_destructor_makes_after_ours_is_removed",
        ENDS,
        |scene, end| {
            let steps = format!("{MAKE} {end}");
            neighbours(scene, &[("LATE", &steps)], "die return")?.removed(&["x.pid"])
        },
    ))
    .chain(Promise::each(
        "so_is_one_that_is_made_after_all_destructors",
        ENDS,
        |scene, end| {
            let steps = format!("{MAKE} {end}");
            neighbours(scene, &[("LAST", &steps)], "die return")?.removed(&["x.pid"])
        },
    ))
    .chain([
        each(
            "dispositions_go_on_being_virtual_after_our_destructor",
            |scene| {
                let steps = "query 15 set sigaction 15 count 0 raise 15 ran set signal 15 SIG_DFL 0 query 15 raise 15";
                for when in ["LATE", "LAST"] {
                    neighbours(scene, &[(when, steps)], "make open x.pid die return")?
                        .removed(&["x.pid"])?;
                }
                Ok(())
            },
        ),
        each(
            "what_is_made_after_our_destructor_is_the_guards_when_no_hook_follows",
            left_to_the_guard,
        ),
        each(
            "a_named_pidfile_that_a_constructor_makes_before_ours_is_removed",
            |scene| {
                let named = ("PIDWARD_PIDFILE", format!("{HOME}/x.txt"));
                let environment = [("EARLY", "make open x.txt"), (named.0, &named.1)];
                neighbours(scene, &environment, "raise 15")?.removed(&["x.txt"])
            },
        ),
        each("so_is_one_of_a_library_that_begins_after_us_and_ends_before_us", |scene| {
            let neighbour = Scene::program(NEIGHBOUR).display().to_string();
            for (when, end) in [("EARLY", "raise 15"), ("LATE", "die return")] {
                let both = scene.both_with(|life| {
                    let mut command = life.command_among(&Scene::program(LEGACY), &neighbour, "");
                    command.env(when, MAKE).args(end.split(' '));
                    Legacy::start(command)?.end()
                })?;
                both.removed(&["x.pid"])?;
            }
            Ok(())
        }),
        each(
            "a_constructor_before_ours_starts_the_guard_that_the_user_named",
            |scene| {
                let (key, exe) = stub();
                guards_of_a_constructor(scene, &[(key, &exe)], 1)
            },
        ),
        each(
            "a_constructor_before_ours_starts_no_guard_where_it_is_off",
            |scene| {
                // It would be found beside the library.
                let beside = scene.library.with_file_name("pidward-guard");
                fs::copy(Scene::program(GUARD), beside).doing("put a guard there")?;
                guards_of_a_constructor(scene, &[NO_GUARD], 0)
            },
        ),
        each("a_linked_library_begins_before_us_and_ends_after_us", linked),
        each("a_plugin_that_a_constructor_has_loaded_may_be_unloaded", unloaded),
    ])
}

/// The daemon with the library behind the shim, without it and with it.
fn neighbours(scene: &Scene, environment: &[(&str, &str)], steps: &str) -> Checked<Lives> {
    scene.both_with(|life| start(life, environment, steps)?.end())
}

fn start(life: &Life<'_>, environment: &[(&str, &str)], steps: &str) -> Checked<Legacy> {
    let neighbour = Scene::program(NEIGHBOUR).display().to_string();
    let mut command = life.command_among(&Scene::program(LEGACY), "", &neighbour);
    command
        .envs(environment.iter().copied())
        .args(steps.split_whitespace());
    Legacy::start(command)
}

/// exit(3) leaves by a system call of its own when all destructors have run.
fn left_to_the_guard(scene: &Scene) -> Checked {
    for when in ["LATE", "LAST"] {
        let environment = [(when, "make open x.pid")];
        neighbours(scene, &environment, "die return")?.are_the_same()?;
        let guard = scene.release.join("pidward-guard").display().to_string();
        let both = scene.both_in(&[("PIDWARD_GUARD_EXE", &guard)], |life| {
            let watch = Watch::on(&[Path::new(HOME)])?;
            let ended = start(life, &environment, "die return")?.end()?;
            if life.has_shim() {
                removed_in_time(&watch, ended)
            } else {
                Ok(ended)
            }
        })?;
        both.removed(&["x.pid"])?;
    }
    Ok(())
}

/// The same end when the guard has done its work: it comes after the death.
fn removed_in_time(watch: &Watch, mut ended: Ended) -> Checked<Ended> {
    // The pidfile, its record, and where a removal puts it in between.
    let names = ["x.pid", "x.pid.ward", ".x.pid.pidward"];
    let gone = || names.iter().all(|name| !file(name).exists()).then_some(());
    let gone = watch.until(Deadline::seconds(10), &[], gone);
    gone.ok_or_else(|| Failure::new("pidfile stayed", evidence()))?;
    ended.left.retain(|name| !names.contains(&name.as_str()));
    Ok(ended)
}

/// So many guards are started for a pidfile that a constructor before ours makes.
fn guards_of_a_constructor(scene: &Scene, setting: &[(&str, &str)], count: usize) -> Checked {
    let both = scene.both_in(setting, |life| {
        let daemon = start(life, &[("EARLY", "make open x.pid")], "raise 15")?;
        let (ended, reports) = end_with_guards(daemon)?;
        match life.has_shim() && reports.len() != count {
            true => Err(Failure::new("other guards", format!("{reports:#?}"))),
            false => Ok(ended),
        }
    })?;
    both.removed(&["x.pid"])
}

/// It is loaded before we look at who is, and gone when a function is looked up.
fn unloaded(scene: &Scene) -> Checked {
    let plugin = Scene::program("plugin.so");
    let source = programs::source("behind.c");
    programs::compile("cc", &["-shared", "-fPIC"], &[source], &plugin)?;
    let plugin = plugin.display();
    for (steps, end) in [(MAKE, "die return"), ("make rename x.pid", "raise 15")] {
        let steps = format!("unload {plugin} mapped plugin.so {steps} {end}");
        let load = format!("load {plugin} mapped plugin.so");
        neighbours(scene, &[("EARLY", &load)], &steps)?.removed(&["x.pid"])?;
    }
    Ok(())
}

/// The smallest daemon, linked with the library.
fn linked(scene: &Scene) -> Checked {
    let program = Scene::program("linked");
    let neighbour = Scene::program(NEIGHBOUR).display().to_string();
    let flags = ["-Wl,--no-as-needed", &neighbour];
    programs::compile("cc", &flags, &[programs::source("hello.c")], &program)?;
    for (when, steps, end) in [
        ("EARLY", MAKE.to_owned(), "return"),
        ("EARLY", MAKE.to_owned(), "term"),
        ("LATE", format!("{MAKE} die _exit"), "return"),
        ("LATE", format!("{MAKE} raise 15"), "return"),
    ] {
        let both = scene.both_with(|life| {
            let mut command = life.command(&program);
            command.env(when, &steps).args(["hello.pid", end]);
            Legacy::start(command)?.end()
        })?;
        both.removed(&["hello.pid", "x.pid"])?;
    }
    Ok(())
}
