//! Under valgrind's memcheck, which runs the program on a processor of its own and passes signals on itself.

use pidward_tests::failure::{Checked, Failure};
use pidward_tests::namespace::SCRATCH;

use crate::compare::{Life, NO_GUARD, NO_GUARD_STAYS};
use crate::legacy::{Ended, Legacy};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

const ENDS: &[&str] = &[
    "die return",
    "die _exit",
    "die abort",
    "raise 15",
    "wait itimer_real",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each("memcheck_finds_no_error_of_ours", ENDS, no_error).chain([
        Promise::new(
            "memcheck_finds_no_error_in_the_start_of_a_guard",
            |scene: &Scene| {
                scene.without_cores()?;
                let live =
                    |life: &Life<'_>| live(life, "make fopen_w x.pid raise 15").map(no_warnings);
                scene.both_in(&[NO_GUARD_STAYS], live)?.removed(&["x.pid"])
            },
        ),
        Promise::new(
            "memcheck_reports_a_fault_before_the_shim_acts",
            reports_a_fault,
        ),
    ])
}

fn no_error(scene: &Scene, end: &str) -> Checked {
    scene.without_cores()?;
    let steps = format!("make fopen_w x.pid borrow 15 query 15 {end}");
    scene
        .both_in(&[NO_GUARD], |life| live(life, &steps))?
        .removed(&["x.pid"])
}

fn live(life: &Life<'_>, steps: &str) -> Checked<Ended> {
    let mut command = life.command("valgrind".as_ref());
    // An error of memcheck's is exit status 9.
    command
        .env("TMPDIR", SCRATCH)
        .args(["-q", "--leak-check=full", "--error-exitcode=9"])
        .arg(Scene::program(LEGACY))
        .args(steps.split_whitespace());
    Legacy::start(command)?.end()
}

/// Without its warnings of system calls that are newer than it: it answers that there are none.
fn no_warnings(ended: Ended) -> Ended {
    let lines = ended.said.lines().filter(|line| !line.starts_with("--"));
    let said = lines.map(|line| format!("{line}\n")).collect();
    Ended { said, ..ended }
}

/// A fault's signal comes again by a system call, with the siginfo of the first; valgrind may take that for a fault of
/// its own, and end with a status of its own. By then it has said what there is to say of the program.
fn reports_a_fault(scene: &Scene) -> Checked {
    scene.without_cores()?;
    let both = scene.both_in(&[NO_GUARD], |life| {
        let ended = live(life, "make fopen_w x.pid die segv")?;
        let error = ended
            .said
            .lines()
            .find(|line| line.contains("Invalid write of size 4"));
        if error.is_none() {
            return Err(Failure::new("no report", ended.said));
        }
        if life.has_shim() == ended.left.iter().any(|name| name == "x.pid") {
            return Err(Failure::new("pidfile stayed", format!("{:?}", ended.left)));
        }
        Ok(ended)
    });
    both.map(|_| ())
}
