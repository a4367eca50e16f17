//! What a pidfile was found to be: the verdict, and the facts that tell a reader why.

use std::path::PathBuf;
use std::time::SystemTime;

use pidward_identity::Errno;
use pidward_identity::evidence::{Around, Claim, Evidence, Gathered, Now, Offered, Question};
use pidward_identity::owner::Owner;
use pidward_identity::pid::Pid;
use pidward_identity::pidfile::{Pidfile, Version};
use pidward_identity::process::{ClockTicks, start_of_day};
use pidward_identity::record::{self, Record};
use pidward_identity::trust::Writers;
use pidward_identity::verdict::{self, Reason};
use pidward_identity::walk::NoWay;
use serde::Serialize;

use crate::environment::Environment;
use crate::place::Place;

/// A pidfile, looked at once, and what was looked at, to be acted on.
#[derive(Debug)]
pub(crate) struct Looked<'p> {
    /// What it was found to be.
    pub(crate) finding: Finding,
    /// Its directory and name; `None` when there is no such directory.
    pub(crate) pidfile: Option<Pidfile<'p>>,
    /// The process that it names, if it lives.
    pub(crate) owner: Option<Owner>,
    /// The pidfile as it was then, if it names a process.
    pub(crate) version: Option<Version>,
}

impl<'p> Looked<'p> {
    /// Looks at the pidfile.
    pub(crate) fn at(place: &'p Place, question: Question) -> Self {
        match place.open() {
            Ok(pidfile) => Self::of(place.path.clone(), pidfile, question, &Now::default()),
            Err(no_way) => Self::new(place.path.clone(), of_no_way(no_way, question), None),
        }
    }

    /// Looks at a pidfile in a directory that was walked to.
    pub(crate) fn of(
        path: PathBuf,
        pidfile: Pidfile<'p>,
        question: Question,
        around: &impl Around,
    ) -> Self {
        let mut buffer = [0; record::TEXT_MAX];
        let gathered = Evidence::gather(&pidfile, question, around, &mut buffer);
        Self::new(path, gathered, Some(pidfile))
    }

    /// What the pidfile is now, when it has come to mean another process that lives.
    pub(crate) fn successor(&self) -> Option<Finding> {
        let place = Place::of(&self.finding.path).ok()?;
        let now = Looked::at(&place, Question::OF_THE_USER).finding;
        let is_another = now.pid() != self.finding.pid() && now.evidence.living.is_some();
        is_another.then_some(now)
    }

    fn new(path: PathBuf, gathered: Gathered<'_>, pidfile: Option<Pidfile<'p>>) -> Self {
        let Gathered {
            evidence,
            record,
            owner,
            writers,
            version,
        } = gathered;
        let finding = Finding {
            path,
            reason: verdict::of(&evidence),
            record: record.as_ref().map(RecordFacts::of),
            evidence,
            writers,
        };
        Self {
            finding,
            pidfile,
            owner,
            version,
        }
    }
}

/// What is asked of a pidfile that the user named, or that was found.
///
/// `PIDWARD_WITHOUT` takes away what the kernel offers: `handle`, `inode`, `info`, `pidfd`, with commas between them. It is for
/// tests of what older kernels come to.
pub(crate) fn question(environment: &Environment, named: bool) -> Question {
    let without = environment.get_unless_secure("PIDWARD_WITHOUT");
    let without = without.and_then(|it| it.to_str()).unwrap_or_default();
    let offered = |name| !without.split(',').any(|it| it == name);
    Question {
        offered: Offered {
            handle: offered("handle"),
            inode: offered("inode"),
            info: offered("info"),
            pidfd: offered("pidfd"),
        },
        named,
    }
}

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
    /// Who can change it, besides root and the caller.
    pub(crate) writers: Writers,
}

/// What a record says, as JSON shows it; the names are those of the record's lines.
#[derive(Serialize, Debug)]
pub(crate) struct RecordFacts {
    pid: i32,
    start: u64,
    boot: String,
    pidns: u64,
    /// Inode of the pidfd; 0 if there is none.
    pub(crate) pidfd: u64,
    /// File handle of the pidfd.
    pub(crate) handle: Option<String>,
    /// The machine.
    pub(crate) machine: Option<String>,
    /// The program.
    pub(crate) exe: String,
    uid: u32,
    file: u64,
    written: String,
    size: u64,
    guard: i32,
}

impl Finding {
    /// The process ID that the pidfile holds.
    pub(crate) fn pid(&self) -> Option<Pid> {
        match self.evidence.claim {
            Claim::Pid(pid) => Some(pid),
            Claim::Missing
            | Claim::NotRegular
            | Claim::Unreadable(_)
            | Claim::BehindLink(_)
            | Claim::NoPid(_) => None,
        }
    }
}

/// What is known of a pidfile whose directory cannot be reached.
fn of_no_way<'b>(no_way: NoWay, question: Question) -> Gathered<'b> {
    let claim = match no_way {
        NoWay::Refused(Errno::NOENT | Errno::NOTDIR) => Claim::Missing,
        NoWay::Refused(error) => Claim::Unreadable(error),
        NoWay::Link(uid) => Claim::BehindLink(uid),
    };
    Gathered {
        evidence: Evidence::of_claim(claim, question.named),
        record: None,
        owner: None,
        writers: Writers::NOBODY,
        version: None,
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
