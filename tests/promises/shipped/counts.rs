//! What is paid in system calls, which repeat exactly: `make bench` has the rest.

use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::answer::Answer;
use crate::compare::bare;
use crate::faults::injection::{Trace, written_down};
use crate::guard::post::{kill, with_pidfile};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

/// What the dynamic linker needs to load the library.
const LOADING: usize = 10;

/// What stand-ins take besides: 53 are dispositions; the rest are the questions whether that may be, and the removal at the end.
const STAND_INS: usize = 100;

/// `status` of one pidfile: two thirds are the dynamic linker's and the C library's.
const STATUS: usize = 70;

/// What each more in a directory adds.
const STATUS_OF_ONE_MORE: usize = 12;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "the_library::adds_nothing_but_its_loading_to_a_program_that_makes_no_pidfile",
            |scene| {
                let steps = "make open a.txt make creat b.txt make fopen_w c.txt make rename d.txt die exit";
                is_at_most(added(scene, steps)?, LOADING)
            },
        ),
        each("the_library::adds_few_system_calls_to_a_daemon", |scene| {
            let steps = "make rename x.pid die exit";
            is_at_most(added(scene, steps)?, LOADING + STAND_INS)
        }),
        each("the_command::asks_for_a_status_in_few_system_calls", status),
    ]
    .into_iter()
}

fn is_at_most(count: usize, most: usize) -> Checked {
    match count <= most {
        true => Ok(()),
        false => Err(Failure::new(format!("more than {most}"), count)),
    }
}

fn count(command: &Command) -> Checked<usize> {
    Answer::of(written_down(command))?;
    Trace::read().map(|trace| trace.count())
}

/// How many system calls the library adds to a program with these steps.
fn added(scene: &Scene, steps: &str) -> Checked<usize> {
    let count = |library: &str| {
        scene.clear()?;
        let mut program = bare(&Scene::program(LEGACY));
        program.args(steps.split(' ')).env("PIDWARD_GUARD", "off");
        if !library.is_empty() {
            program.env("LD_PRELOAD", scene.release.join(library));
        }
        count(&program)
    };
    Ok(count("libpidward.so")?.saturating_sub(count("")?))
}

fn status(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    is_at_most(count(&pidward(scene, &["status", "x.pid"]))?, STATUS)?;
    let of_all = || count(&pidward(scene, &["status", "."]));
    let one = of_all()?;
    for name in 0..10 {
        fs::copy(file("x.pid"), file(&format!("{name}.pid"))).doing("copy the pidfile")?;
    }
    is_at_most(of_all()?.saturating_sub(one), 10 * STATUS_OF_ONE_MORE)?;
    kill(daemon).map(drop)
}
