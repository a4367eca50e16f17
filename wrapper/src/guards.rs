//! Guards that run: which pidfile is theirs, and those that are about to leave, because their daemon is dead and they are not done
//! yet. systemd counts who is left in a unit's control group the moment after ExecStopPost=, and complains of them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pidward_identity::evidence::{GUARD_COMM, Question};
use pidward_identity::pid::Pid;
use pidward_identity::pidfd::PidFd;
use pidward_identity::process;
use pidward_identity::verdict::Class;

use crate::finding::Looked;
use crate::place::Place;

/// The pidfile of a guard; `None` when the process is none.
pub(crate) fn guarded_by(pid: Pid) -> Option<PathBuf> {
    let line = fs::read(format!("/proc/{}/cmdline", pid.get())).ok()?;
    let mut words = line.split(|&byte| byte == 0);
    if words.next() != Some(GUARD_COMM.to_bytes()) {
        return None;
    }
    let path = words.find(|word| word.starts_with(b"/"))?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// How many there are that we may see.
pub(crate) fn count() -> u64 {
    let mut count = 0;
    // Without /proc nobody is seen.
    let _ = process::each(|pid, _| {
        count += u64::from(guarded_by(pid).is_some());
        true
    });
    count
}

/// Waits for those in our own control group that are about to leave, all in all at most so long.
pub(crate) fn give_time(patience: Duration) {
    let Some(own) = control_group(Pid::this_process()) else {
        return;
    };
    let begun = Instant::now();
    let mut leaving = Vec::new();
    // Without /proc nobody is seen, and nobody is waited for.
    let _ = process::each(|pid, _| {
        let pidfile = guarded_by(pid).filter(|_| control_group(pid).as_ref() == Some(&own));
        if pidfile.is_some_and(|pidfile| !names_somebody(&pidfile)) {
            leaving.extend(PidFd::open(pid).ok());
        }
        true
    });
    for guard in leaving {
        let left = patience.saturating_sub(begun.elapsed());
        let _ = guard.dies_within(u32::try_from(left.as_millis()).unwrap_or(u32::MAX));
    }
}

/// All lines of `/proc/PID/cgroup`, one a hierarchy.
fn control_group(pid: Pid) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{}/cgroup", pid.get())).ok()
}

/// Whether the pidfile names a living process.
fn names_somebody(pidfile: &Path) -> bool {
    let place = Place::of(pidfile).ok();
    let class = place.map(|it| {
        Looked::at(&it, Question::OF_THE_USER)
            .finding
            .reason
            .class()
    });
    class == Some(Class::Running)
}
