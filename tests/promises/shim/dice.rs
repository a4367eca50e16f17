//! Whatever a daemon does with its signals: one that rolls dice (`programs/dice/`) lives without the library and with it, seed after
//! seed. A difference is reduced to the steps that it needs.

use std::env;
use std::path::Path;
use std::time::SystemTime;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};

use crate::compare::NO_GUARD;
use crate::guards;
use crate::legacy::{self, Ended};
use crate::programs::DICE;
use crate::promise::Promise;
use crate::scene::{HOME, Scene};

/// How long seeds are tried, unless `PIDWARD_DICE_SECONDS` says it, which can be as long as a promise has time: two minutes.
/// `PIDWARD_DICE_SEED` tries one.
const SECONDS: u64 = 5;

/// How many steps the daemon takes, if it lives so long.
const STEPS: usize = 40;

pub(super) fn promise() -> Promise {
    let name = "whatever_it_does_with_signals_a_daemon_sees_what_it_did_without_the_library";
    Promise::new(name, roll).of_program(DICE)
}

fn roll(scene: &Scene) -> Checked {
    scene.without_cores()?;
    if let Some(seed) = number("PIDWARD_DICE_SEED")? {
        return seed_holds(scene, seed);
    }
    let seconds = number("PIDWARD_DICE_SECONDS")?.unwrap_or(SECONDS);
    let deadline = Deadline::seconds(seconds);
    let now = SystemTime::UNIX_EPOCH.elapsed().doing("the time")?;
    let mut seed = now.as_secs().wrapping_mul(1000);
    while !deadline.passed() {
        seed_holds(scene, seed)?;
        seed += 1;
    }
    Ok(())
}

fn number(name: &str) -> Checked<Option<u64>> {
    let text = env::var(name).ok();
    text.map(|text| text.parse().doing(name)).transpose()
}

/// Tells of a difference with the least steps that show it.
fn seed_holds(scene: &Scene, seed: u64) -> Checked {
    let Err(mut found) = is_the_same(scene, seed, &[]) else {
        return Ok(());
    };
    let mut steps: Vec<usize> = (0..STEPS).collect();
    for step in 0..STEPS {
        let fewer: Vec<usize> = steps.iter().copied().filter(|it| *it != step).collect();
        if fewer.is_empty() {
            break;
        }
        if let Err(failure) = is_the_same(scene, seed, &fewer) {
            (found, steps) = (failure, fewer);
        }
    }
    let evidence = format!(
        "PIDWARD_DICE_SEED={seed}, steps {steps:?}\n{}",
        found.evidence
    );
    Err(Failure::new(found.what, evidence))
}

fn is_the_same(scene: &Scene, seed: u64, steps: &[usize]) -> Checked {
    let steps: String = steps.iter().map(|step| format!(" {step}")).collect();
    let words = format!("{seed} x.pid y.pid{steps}");
    // Of every second one there is a guard, which removes what the library was not asked for.
    let guard = scene.release.join("pidward-guard").display().to_string();
    let guarded = seed % 2 == 1;
    let setting = if guarded {
        ("PIDWARD_GUARD_EXE", guard.as_str())
    } else {
        NO_GUARD
    };
    let lives = scene.both_in(&[setting], |life| {
        let mut ended = life.start(&words)?.end()?;
        if !life.has_shim() || !guarded && is_guards(&ended) {
            ended.left.clear();
        } else if guarded {
            guards::all_are_done();
            ended.left = legacy::files(Path::new(HOME))?;
        }
        Ok(ended)
    })?;
    lives.are_the_same()
}

/// Whether this death was the guard's to see, by what the daemon said last of that: a bit for each signal, all for the end at hand.
fn is_guards(ended: &Ended) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let mut said = ended
        .said
        .lines()
        .filter_map(|line| line.strip_prefix("guard's "));
    let signals = said
        .next_back()
        .and_then(|bits| u64::from_str_radix(bits, 16).ok())
        .unwrap_or_default();
    let is_one = |signal: i32| signals >> (signal - 1) & 1 != 0;
    signals == u64::MAX || ended.status.signal().is_some_and(is_one)
}
