//! What is left after a death: for a second something may be, after that nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::proc::{self, Seen};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::watch::Watch;
use pidward_tests::world::evidence;

/// What the promises allow.
pub(crate) const ONE_SECOND: Duration = Duration::from_secs(1);

/// Within a second, the pidfile is gone, and with it the record and what a removal leaves in between.
pub(crate) fn gone_within_a_second(watch: &Watch, pidfile: &Path) -> Checked {
    let files = [
        ("pidfile", pidfile.to_owned()),
        ("record", Record::path(pidfile)),
        ("aside name", aside(pidfile)),
    ];
    let stayed = || {
        files
            .iter()
            .find(|(_, file)| file.symlink_metadata().is_ok())
    };
    let gone = watch.until(Deadline::after(ONE_SECOND), &[], || {
        stayed().is_none().then_some(())
    });
    match (gone, stayed()) {
        (None, Some((what, file))) => Err(Failure::new(
            format!("{what} stayed"),
            format!("{}\n{}", file.display(), evidence()),
        )),
        (Some(()), _) | (None, None) => Ok(()),
    }
}

/// Where a pidfile is put while it is removed.
fn aside(pidfile: &Path) -> PathBuf {
    let name = pidfile.file_name().unwrap_or_default().to_string_lossy();
    pidfile.with_file_name(format!(".{name}.pidward"))
}

/// Within a second, no process of pidward's is left, nor a link to the pidfile among the known ones.
pub(crate) fn nothing_is_left() -> Checked {
    only_guard(None)?;
    let known = fs::read_dir("/var/lib/pidward/known")
        .into_iter()
        .flatten()
        .flatten();
    match known.map(|link| link.path()).next() {
        None => Ok(()),
        Some(link) => Err(Failure::new("known link stayed", link.display())),
    }
}

/// No record is left, of whatever pidfile, nor what is there while one is removed.
pub(crate) fn no_file_of_ours(directory: &Path) -> Checked {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files = entries.map(|entry| entry.path());
    let is_ours = |file: &PathBuf| {
        let ending = file.extension();
        ending.is_some_and(|ending| ending == "ward" || ending == "pidward")
    };
    match files.find(is_ours) {
        None => Ok(()),
        Some(file) => Err(Failure::new(
            "a file of ours stayed",
            format!("{}\n{}", file.display(), evidence()),
        )),
    }
}

/// Within a second, no process of pidward's is left but this one.
pub(crate) fn only_guard(guard: Option<i32>) -> Checked {
    let deadline = Deadline::after(ONE_SECOND);
    let other = || {
        proc::pidwards()
            .into_iter()
            .find(|seen| Some(seen.pid) != guard)
    };
    while let Some(Seen { pid, command, .. }) = other() {
        if Process::living(pid).is_some_and(|process| !process.dies_by(deadline)) {
            let waits = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            let holds = proc::descriptors(pid);
            let message = format!(
                "PID {pid}: {command}\nin system call {waits}it holds {holds:#?}\n{}",
                evidence()
            );
            return Err(Failure::new("pidward stays", message));
        }
    }
    Ok(())
}
