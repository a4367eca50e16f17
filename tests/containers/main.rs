//! Containers that are killed as a whole and started again, with a root file system that lives on: podman and crun, each
//! test in namespaces of its own, with images that are made here and no network.
//!
//! [`restart`]: daemons that refuse to start after that, and start with pidward; [`traps`]: pidfiles of daemons that live
//! elsewhere; [`image`]: the three lines of a Containerfile.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::{namespace, release};

mod daemons;
mod engine;
mod image;
mod restart;
mod traps;

use engine::Engine;

/// What a report's line starts with, among all else that is said inside.
const REPORT: &str = "report: ";

/// A test: its name, and what it checks inside.
type Test = (String, Box<dyn Fn(&Engine) -> Checked>);

fn tests() -> Vec<Test> {
    let mut all = restart::tests();
    all.extend(traps::tests());
    all.extend(image::tests());
    all
}

fn main() -> ExitCode {
    if let Some(done) = namespace::enter(inside) {
        return done;
    }
    let arguments = Arguments::from_args();
    let trial = |(name, _): Test| {
        let inside = name.clone();
        Trial::test(name, move || outside(&inside).map_err(Failed::from))
    };
    let trials = tests().into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn outside(name: &str) -> Checked {
    let release = release::directory()?;
    let release = release.canonicalize().doing("find the release files")?;
    let words = [name, &release.to_string_lossy()];
    let said = namespace::run(&words, None, Deadline::seconds(120))?;
    let report = said.lines().find_map(|line| line.strip_prefix(REPORT));
    let report =
        report.ok_or_else(|| Failure::new("the test itself", format!("no report: {said}")))?;
    serde_json::from_str::<Checked>(report).doing("read the report")?
}

fn inside(arguments: &[String]) -> ExitCode {
    let report = match arguments {
        [name, release] => check(name, release),
        _ => Err(Failure::new("the test itself", "no order")),
    };
    let report = serde_json::to_string(&report).unwrap_or_default();
    println!("\n{REPORT}{report}");
    ExitCode::SUCCESS
}

fn check(name: &str, release: &str) -> Checked {
    let (_, test) = tests()
        .into_iter()
        .find(|(known, _)| known == name)
        .ok_or(name)
        .doing("find the test")?;
    test(&Engine::new(release.as_ref())?)
}
