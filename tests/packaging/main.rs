//! What a distribution ships: packages, man pages and completions, made by what is in packaging/ from what "make" has built.
//!
//! [`packages`]: that they are sound; [`root`]: that they come and go in a fresh Debian; [`manual`]: pages and completions;
//! [`snippets`]: what packages of daemons and profiles include; [`pictures`]: those of the documents.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Failed, Trial};
use pidward_tests::failure::{Checked, Doing, Failure};

mod manual;
mod packages;
mod pictures;
mod root;
mod scratch;
mod snippets;

/// A test: its name, and what it checks.
type Test = (&'static str, fn() -> Checked);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let all = [
        packages::TESTS,
        root::TESTS,
        manual::TESTS,
        snippets::TESTS,
        pictures::TESTS,
    ];
    let trial = |(name, check): &Test| {
        let check = *check;
        Trial::test(*name, move || check().map_err(Failed::from))
    };
    let trials = all.into_iter().flatten().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The top of the source.
fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a command says; it has to succeed.
fn said(command: &mut Command) -> Checked<String> {
    let output = output(command)?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => Err(Failure::new(
            format!("{}: {}", command.get_program().display(), output.status),
            text,
        )),
    }
}

fn output(command: &mut Command) -> Checked<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .output()
        .doing(format!("{program}, see tests/packages"))
}

/// Both are the same, or else they are shown.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Checked {
    match found == expected {
        true => Ok(()),
        false => Err(Failure::new(
            what,
            format!("{found:#?}\nexpected: {expected:#?}"),
        )),
    }
}
