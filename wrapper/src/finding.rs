//! What a pidfile was found to be: the verdict, and the facts that tell a reader why.

use std::path::PathBuf;
use std::time::SystemTime;

use pidward_identity::Errno;
use pidward_identity::evidence::{Claim, Evidence, Recorded};
use pidward_identity::pid::Pid;
use pidward_identity::process::{ClockTicks, start_of_day};
use pidward_identity::record::{self, Record};
use pidward_identity::verdict::{self, Reason};
use serde::Serialize;

use crate::place::Place;

/// One pidfile, looked at once.
#[derive(Debug)]
pub(crate) struct Finding {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The verdict.
    pub(crate) reason: Reason,
    /// What the verdict was made of.
    pub(crate) evidence: Evidence,
    /// The record beside it, if it is one that counts.
    pub(crate) record: Option<RecordFacts>,
}

/// What a record says, as JSON shows it; the names are those of the record's lines.
#[derive(Serialize, Debug)]
pub(crate) struct RecordFacts {
    pid: i32,
    start: u64,
    boot: String,
    pidns: u64,
    pidfd: u64,
    handle: Option<String>,
    machine: Option<String>,
    /// The program.
    pub(crate) exe: String,
    uid: u32,
    file: u64,
    written: String,
    size: u64,
    guard: i32,
}

impl Finding {
    /// Looks at the pidfile.
    pub(crate) fn at(place: &Place) -> Self {
        let mut buffer = [0; record::TEXT_MAX];
        let (evidence, record) = match place.open() {
            Ok(pidfile) => Evidence::gather_with_record(&pidfile, &mut buffer),
            Err(error) => (of_no_directory(error), None),
        };
        Self {
            path: place.path.clone(),
            reason: verdict::of(&evidence),
            record: record.as_ref().map(RecordFacts::of),
            evidence,
        }
    }

    /// The process ID that the pidfile holds.
    pub(crate) fn pid(&self) -> Option<Pid> {
        match self.evidence.claim {
            Claim::Pid(pid) => Some(pid),
            Claim::Missing | Claim::NotRegular | Claim::Unreadable(_) | Claim::NoPid(_) => None,
        }
    }
}

/// What is known of a pidfile whose directory cannot be opened.
fn of_no_directory(error: Errno) -> Evidence {
    let claim = match error {
        Errno::NOENT | Errno::NOTDIR => Claim::Missing,
        error => Claim::Unreadable(error),
    };
    Evidence {
        claim,
        living: None,
        recorded: Recorded::Nothing,
    }
}

/// Seconds since a process started then; by the clock of the day, which may be stepped.
pub(crate) fn age(start: ClockTicks) -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let started = u64::try_from(start_of_day(start)).unwrap_or_default();
    now.saturating_sub(started)
}

impl RecordFacts {
    fn of(record: &Record<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let hexadecimal =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let handle = record.handle.as_ref();
        Self {
            pid: record.pid.get(),
            start: record.start.0,
            boot: text(&record.boot.0),
            pidns: record.pid_ns.0,
            pidfd: record.pidfd,
            handle: handle.map(|it| format!("{:08x}{}", it.kind, hexadecimal(&it.bytes))),
            machine: record.machine.as_ref().map(|machine| text(&machine.0)),
            exe: text(record.exe),
            uid: record.uid,
            file: record.file,
            written: format!(
                "{}.{:09}",
                record.written.seconds, record.written.nanoseconds
            ),
            size: record.written.size,
            guard: record.guard.get(),
        }
    }
}
