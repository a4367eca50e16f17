//! The numbers of pidward's own processes, just before it starts a daemon: a pidfile that holds one of them was written by
//! an earlier run, in which a daemon had that number, as in an image or in a container that was started again.
//!
//! It counts for us, and for the processes that started us as long as they are pidward too. Was the pidfile written since
//! such a process began, somebody wrote it for that process (`start-stop-daemon --make-pidfile`), and means it.

use std::os::unix::fs::MetadataExt;

use pidward_identity::evidence::{Kind, Recorded};
use pidward_identity::pid::Pid;
use pidward_identity::process::{ProcDir, start_of_day_ms};
use pidward_identity::verdict;

use crate::finding::Looked;

/// A file's time may lag behind the clock by a tick, and a start counts whole ones, in milliseconds.
const MARGIN: i64 = 50;

/// Corrects the verdict on a pidfile that holds such a number.
pub(crate) fn correct(looked: &mut Looked<'_>) {
    let look = looked.pidfile.as_ref().and_then(|it| it.look().ok());
    let evidence = &mut looked.finding.evidence;
    // A record knows better.
    let (Some(look), Some(living), Recorded::Nothing) =
        (look, &mut evidence.living, evidence.recorded)
    else {
        return;
    };
    let Ok(pid) = look.pid else { return };
    if looked.finding.reason.class() == verdict::Class::Missing || !is_own(pid) {
        return;
    }
    let written = look.written.seconds.saturating_mul(1000);
    let written = written.saturating_add(i64::from(look.written.nanoseconds / 1_000_000));
    living.kind = if written.saturating_add(MARGIN) < start_of_day_ms(living.start) {
        Kind::Pidward
    } else {
        Kind::Process
    };
    looked.finding.reason = verdict::of(evidence);
}

/// Whether it is ours, or one of those who started us and are pidward.
fn is_own(number: Pid) -> bool {
    let mut pid = Pid::this_process();
    let own = program(pid);
    while own.is_some() && program(pid) == own {
        if pid == number {
            return true;
        }
        let Some(parent) = parent(pid) else {
            return false;
        };
        pid = parent;
    }
    false
}

/// Which file it runs.
fn program(pid: Pid) -> Option<(u64, u64)> {
    let exe = std::fs::metadata(format!("/proc/{}/exe", pid.get())).ok()?;
    Some((exe.dev(), exe.ino()))
}

/// None above the first process.
fn parent(pid: Pid) -> Option<Pid> {
    ProcDir::open(pid).ok()?.stat(|stat| stat.parent)?
}
