//! `bench`: what pidward costs, and what its peers do, side by side in one run. Prints tables, and writes them with plots and the
//! machine they are of to docs/benchmarks.md.
//!
//! Machines are shared and noisy. So instructions, system calls, kilobytes and processor time for a unit of work are
//! counted first; times of day are taken in turns (A B A B), and one of those in the turn is twice there, to show the
//! noise.
//!
//! - [`load`], [`call`]: the library in a program; [`serve`]: in a server under load; [`start`]: what starts it
//! - [`guard`], [`latency`]: the guard; [`status`], [`sweep`]: the command; [`size`]: the files
//! - [`bench`]: where all of them are; [`count`]: how they are counted; [`turns`]: how they are timed
//! - [`report`], [`plot`]: how it is told

mod bench;
mod call;
mod count;
mod guard;
mod latency;
mod load;
mod plot;
mod report;
mod serve;
mod size;
mod start;
mod status;
mod sweep;
mod turns;

use std::process::ExitCode;

use pidward_tests::failure::Checked;

use bench::Bench;
use report::{Report, Section};

/// Something that is measured.
type Measure = fn(&Bench) -> Checked<Section>;

/// By the word that asks for it alone.
const ALL: [(&str, Measure); 9] = [
    ("size", size::measure),
    ("load", load::measure),
    ("call", call::measure),
    ("start", start::measure),
    ("status", status::measure),
    ("sweep", sweep::measure),
    ("guard", guard::measure),
    ("latency", latency::measure),
    ("serve", serve::measure),
];

/// With words, only those are measured, and nothing is written.
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Checked {
    let bench = Bench::new()?;
    let mut report = Report::new()?;
    for (word, measure) in ALL {
        if words.is_empty() || words.iter().any(|it| it == word) {
            let section = measure(&bench)?;
            println!("{}", section.text());
            report.sections.push(section);
        }
    }
    if words.is_empty() {
        report.write()?;
    }
    Ok(())
}
