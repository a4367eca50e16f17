//! Guards that a daemon has started, by what the stand-in for them (`programs/guard.c`) wrote down of each.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::watch::Watch;
use pidward_tests::world::evidence;

use crate::compare::Life;
use crate::legacy::{Ended, Legacy};
use crate::programs::GUARD;
use crate::scene::{HOME, Scene};

/// How a guard was started, line by line.
pub(crate) type Report = Vec<String>;

/// A daemon's end, and the reports of the guards that it has started; those are all done by then.
pub(crate) fn end_with_guards(daemon: Legacy) -> Checked<(Ended, Vec<Report>)> {
    let mut ended = daemon.end()?;
    ended.left.retain(|file| !file.ends_with(".started"));
    all_are_done();
    Ok((ended, reports()?))
}

/// Waits for the end of all guards: each is init's child, and we are init.
pub(crate) fn all_are_done() {
    while waitpid(None, None) != Err(Errno::ECHILD) {}
}

/// What guards have written down so far.
fn reports() -> Checked<Vec<Report>> {
    let files = fs::read_dir(HOME)
        .doing("list the reports")?
        .flatten()
        .map(|entry| entry.path());
    let mut reports = Vec::new();
    for file in files.filter(|file| {
        file.extension()
            .is_some_and(|extension| extension == "started")
    }) {
        let text = fs::read_to_string(file).doing("read a report")?;
        let each = text.split("started\n").filter(|report| !report.is_empty());
        reports.extend(each.map(|report| report.lines().map(str::to_owned).collect::<Report>()));
    }
    reports.sort();
    Ok(reports)
}

/// The environment in which the stand-in is the guard.
pub(crate) fn stub() -> (&'static str, String) {
    (
        "PIDWARD_GUARD_EXE",
        Scene::program(GUARD).display().to_string(),
    )
}

/// Lives lives of a daemon whose guard is the stand-in; they are to be alike but for the pidfiles, and with the shim
/// the guards are to be what `expect` expects of a daemon with this PID. Where the daemon hears, it waits until
/// `count` of them have reported.
pub(crate) fn with_guards(
    scene: &Scene,
    environment: &[(&str, &str)],
    steps: &str,
    count: usize,
    expect: impl Fn(i32, &[Report]) -> bool,
) -> Checked {
    let (key, exe) = stub();
    let environment: Vec<_> = environment
        .iter()
        .copied()
        .chain([(key, exe.as_str())])
        .collect();
    let live = |life: &Life<'_>| {
        let watch = Watch::on(&[Path::new(HOME)])?;
        let mut daemon = life.start(steps)?;
        let pid = daemon.process.pid;
        if steps.contains("hear") {
            daemon.says("ready")?;
            let enough = || {
                reports()
                    .is_ok_and(|reports| reports.len() >= count)
                    .then_some(())
            };
            if life.has_shim() && watch.until(Deadline::seconds(10), &[], enough).is_none() {
                return Err(Failure::new(
                    "too few guards",
                    format!("{:#?}\n{}", reports()?, evidence()),
                ));
            }
            daemon.go_on()?;
        }
        let (ended, reports) = end_with_guards(daemon)?;
        if life.has_shim() && !(reports.len() == count && expect(pid, &reports)) {
            return Err(Failure::new(
                "other guards",
                format!("the daemon is {pid}\n{reports:#?}"),
            ));
        }
        Ok(ended)
    };
    let words: Vec<&str> = steps.split_whitespace().collect();
    let removed_by_itself = |file: &str| words.windows(2).any(|pair| pair == ["gone", file]);
    let pidfiles: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| word.ends_with(".pid") && !removed_by_itself(word))
        .collect();
    scene.both_in(&environment, live)?.removed(&pidfiles)
}
