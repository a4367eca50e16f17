//! Times of day, taken in turns.

use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use pidward_tests::failure::{Checked, Doing};

use crate::count::Run;

/// How long something took, over many tries.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Of these tries.
    pub(crate) fn of(mut tries: Vec<Duration>) -> Self {
        tries.sort();
        Self(tries)
    }

    /// In microseconds.
    pub(crate) fn median(&self) -> f64 {
        self.at(50)
    }

    /// The time within which 99 of 100 are, in microseconds.
    pub(crate) fn p99(&self) -> f64 {
        self.at(99)
    }

    fn at(&self, hundredth: usize) -> f64 {
        let index = (self.0.len() * hundredth / 100).min(self.0.len().saturating_sub(1));
        self.0
            .get(index)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    }
}

/// Runs all of them once, then all again, and so on; gives the times of each.
pub(crate) fn of(runs: &[Run], rounds: usize) -> Checked<Vec<Times>> {
    let mut times = vec![Vec::with_capacity(rounds); runs.len()];
    for _ in 0..rounds {
        for (run, times) in runs.iter().zip(&mut times) {
            let mut command = run.command();
            command.stderr(Stdio::null());
            let begun = Instant::now();
            command.status().doing("run it")?;
            times.push(begun.elapsed());
        }
    }
    Ok(times.into_iter().map(Times::of).collect())
}
