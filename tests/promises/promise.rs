//! A promise: its name, and how it is checked inside a namespace of its own.
//!
//! The test's program is started anew in there with the promise's name, finds it in the same list, and reports in a line.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::{namespace, release};

use crate::programs::{self, LEGACY, OF_MUSL};
use crate::scene::Scene;

/// What a report's line starts with, among all else that is said inside.
const REPORT: &str = "report: ";

type Check = Box<dyn Fn(&Scene) -> Checked + Send>;

/// A promise.
pub(crate) struct Promise {
    /// Its name, with the case after `::` where there are several.
    pub(crate) name: String,
    /// The program that is the daemon.
    daemon: String,
    check: Check,
}

impl Promise {
    /// One that `check` finds kept or broken.
    pub(crate) fn new(
        name: impl Into<String>,
        check: impl Fn(&Scene) -> Checked + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            daemon: LEGACY.to_owned(),
            check: Box::new(check),
        }
    }

    /// The same promise for each of `cases`.
    pub(crate) fn each(
        name: &'static str,
        cases: &'static [&'static str],
        check: fn(&Scene, &str) -> Checked,
    ) -> impl Iterator<Item = Self> {
        cases
            .iter()
            .map(move |case| Self::new(format!("{name}::{case}"), move |scene| check(scene, case)))
    }

    /// The same promise to another daemon.
    pub(crate) fn of_program(self, name: &str) -> Self {
        Self {
            daemon: name.to_owned(),
            ..self
        }
    }

    /// The same promise to a daemon with another C library.
    pub(crate) fn under_musl(self) -> Self {
        Self {
            name: format!("musl::{}", self.name),
            daemon: self.daemon + OF_MUSL,
            ..self
        }
    }

    /// As a test of this process, which runs it in another one.
    pub(crate) fn into_trial(self) -> Trial {
        let name = self.name.clone();
        Trial::test(name, move || {
            outside(&self.name, &release::directory()?).map_err(Failed::from)
        })
    }
}

/// Checks the promise of this name with these release files, in namespaces of its own.
pub(crate) fn outside(name: &str, release: &Path) -> Checked {
    saying(name, release).map(drop)
}

/// The same, with what was said meanwhile.
pub(crate) fn saying(name: &str, release: &Path) -> Checked<String> {
    let release = release.canonicalize().doing("find the release files")?;
    let programs = programs::directory()?;
    let words = [
        name,
        &release.to_string_lossy(),
        &programs.to_string_lossy(),
    ];
    let said = namespace::run(&words, None, Deadline::seconds(180))?;
    let report = said.lines().find_map(|line| line.strip_prefix(REPORT));
    let report =
        report.ok_or_else(|| Failure::new("the test itself", format!("no report: {said}")))?;
    serde_json::from_str::<Checked>(report).doing("read the report")??;
    Ok(said)
}

/// Checks the promise that is named first, as init of a namespace.
pub(crate) fn inside(promises: &[Promise], arguments: &[String]) -> ExitCode {
    let report = match arguments {
        [name, release, programs] => check(promises, name, release, programs),
        _ => Err(Failure::new("the test itself", "no order")),
    };
    let report = serde_json::to_string(&report).unwrap_or_default();
    println!("\n{REPORT}{report}");
    ExitCode::SUCCESS
}

fn check(promises: &[Promise], name: &str, release: &str, programs: &str) -> Checked {
    let promise = promises.iter().find(|promise| promise.name == name);
    let promise = promise.ok_or(name).doing("find the promise")?;
    (promise.check)(&Scene::set(
        release.into(),
        programs.as_ref(),
        &promise.daemon,
    )?)
}
