//! pidward where no systemd runs: Debian's init scripts as they are, OpenRC, the files of packaging/ for supervisors and for
//! those who watch and rotate. Each test has namespaces of its own, with layers over /etc and /var, and pidward installed in
//! /usr/local.
//!
//! [`scripts`]: what init scripts say with the drop-in and without, of [`services`]; [`settings`]: what `pidward drop-in` writes;
//! [`startas`]: the other way to start a daemon from a script; [`openrc`]; [`boot`]: when the sweep's turn comes; [`recipes`]: the
//! files of packaging/.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::{namespace, release};

mod boot;
mod machine;
mod openrc;
mod recipes;
mod scripts;
mod services;
mod settings;
mod startas;

use machine::Machine;

/// What a report's line starts with, among all else that is said inside.
const REPORT: &str = "report: ";

/// A test: its name, and what it checks inside.
type Test = (String, Box<dyn Fn(&Machine) -> Checked>);

/// A test of this name.
fn test(name: impl Into<String>, check: impl Fn(&Machine) -> Checked + 'static) -> Test {
    (name.into(), Box::new(check))
}

fn tests() -> Vec<Test> {
    let all = [
        scripts::tests(),
        settings::tests(),
        startas::tests(),
        openrc::tests(),
        boot::tests(),
        recipes::tests(),
    ];
    all.into_iter().flatten().collect()
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
    test(&Machine::new(release.as_ref())?)
}
