//! Programs built with AddressSanitizer, which stands in front of the C library too.
//!
//! Its library wants to be the first of all, and ends the program when another one is preloaded before it: whoever
//! preloads anything preloads it first, or tells it not to look (`verify_asan_link_order=0`). Linked statically, it is
//! content.

use std::process::Command;

use nix::sys::personality::{self, Persona};
use pidward_tests::failure::{Checked, Doing};

use crate::compare::{Life, NO_GUARD_STAYS, Setting};
use crate::legacy::{Ended, Legacy};
use crate::programs::{self, LEGACY};
use crate::promise::Promise;
use crate::scene::Scene;

const PROGRAM: &str = "sanitized";

const ENDS: [&str; 6] = [
    "die return",
    "die _exit",
    "die quick_exit",
    "die abort",
    "raise 15",
    "block 14 wait itimer_real",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "a_sanitized_program_is_served::its_library_first",
            |scene| {
                compile(&[])?;
                let library = Command::new("cc")
                    .arg("-print-file-name=libasan.so")
                    .output()
                    .doing("ask for its library")?;
                let library = String::from_utf8_lossy(&library.stdout).trim().to_owned();
                served(scene, &library, &[])
            },
        ),
        each(
            "a_sanitized_program_is_served::its_library_where_it_is",
            |scene| {
                compile(&[])?;
                served(scene, "", &[("ASAN_OPTIONS", "verify_asan_link_order=0")])
            },
        ),
        each(
            "a_sanitized_program_is_served::its_library_linked_statically",
            |scene| {
                compile(&["-static-libasan"])?;
                served(scene, "", &[])
            },
        ),
    ]
    .into_iter()
}

fn compile(flags: &[&str]) -> Checked {
    // Where addresses are too random, older ones of its libraries find no place for their own memory.
    personality::get()
        .and_then(|now| personality::set(now | Persona::ADDR_NO_RANDOMIZE))
        .doing("make addresses less random")?;
    let flags = [&["-fsanitize=address"], flags].concat();
    programs::compile(
        "cc",
        &flags,
        &programs::sources(LEGACY)?,
        &Scene::program(PROGRAM),
    )
}

/// With this library as the first of those that are preloaded.
fn served(scene: &Scene, first: &str, setting: Setting) -> Checked {
    scene.without_cores()?;
    let environment = [&[NO_GUARD_STAYS], setting].concat();
    let live = |life: &Life<'_>, steps: &str| {
        let mut command = life.command_among(&Scene::program(PROGRAM), first, "");
        command.args(steps.split_whitespace());
        Legacy::start(command)?.end()
    };
    for end in ENDS {
        let steps = format!("churn make fopen_w x.pid borrow 15 query 15 query 11 {end}");
        scene
            .both_in(&environment, |life| live(life, &steps))?
            .removed(&["x.pid"])?;
    }
    // After its report it ends the program by a system call of its own: the guard's work.
    scene
        .both_in(&environment, |life| {
            live(life, "make fopen_w x.pid die segv").map(only_the_error)
        })?
        .are_the_same()
}

/// The report but for what is another one each time.
fn only_the_error(ended: Ended) -> Ended {
    let error = ended.said.split_once("ERROR: ").map(|(_, error)| error);
    let error = error.and_then(|error| error.split_once(" (pc"));
    let said = error
        .map_or(ended.said.as_str(), |(error, _)| error)
        .to_owned();
    Ended { said, ..ended }
}
