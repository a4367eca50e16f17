//! What a pidfile is, for programs.

use std::io;

use pidward_identity::evidence::{Kind, Living};
use pidward_identity::pid::Pid;
use pidward_identity::verdict::Class;
use serde::Serialize;

use super::sweep::Words;
use super::text::{as_json, escaped_bytes};
use super::verdict;
use crate::finding::{Finding, RecordFacts, age};

/// One pidfile. `pidfile` is the path itself; where that is not UTF-8, it is escaped as in plain text.
#[derive(Serialize)]
struct Object<'a> {
    pidfile: String,
    class: &'static str,
    reason: &'static str,
    running: bool,
    /// What the pidfile holds.
    pid: Option<i32>,
    /// What that is.
    pid_is: Option<&'static str>,
    process: Option<Process>,
    record: Option<&'a RecordFacts>,
    message: String,
}

/// What has the process ID now, whether or not it is what the pidfile means. All is null of a process that we may
/// not see.
#[derive(Serialize)]
struct Process {
    name: Option<String>,
    uid: Option<u32>,
    /// In clock ticks since boot, as the record has it.
    start: Option<u64>,
    /// Since then, in seconds.
    up: Option<u64>,
}

impl Process {
    fn of(living: &Living) -> Self {
        let seen = living.uid.map(|_| living);
        Self {
            name: seen.map(|it| escaped_bytes(&it.comm)),
            uid: living.uid,
            start: seen.map(|it| it.start.0),
            up: seen.map(|it| age(it.start)),
        }
    }
}

/// All of them as one array.
///
/// # Errors
/// Never, as far as is known: all keys are strings, and there are no maps.
pub(crate) fn array(findings: &[Finding]) -> io::Result<String> {
    let objects: Vec<Object<'_>> = findings.iter().map(object).collect();
    let mut text = serde_json::to_string_pretty(&objects)?;
    text.push('\n');
    Ok(text)
}

/// What a sweep did with something. The keys are there for a record and for a link too, and have no values.
#[derive(Serialize)]
struct Swept<'a> {
    /// The pidfile that it is about, under its own name.
    pidfile: String,
    /// What was removed or not.
    path: String,
    /// What was done.
    action: &'static str,
    /// What it was done with: `pidfile`, `aside`, `record`, `link`.
    what: &'static str,
    class: Option<&'static str>,
    reason: Option<&'static str>,
    pid: Option<i32>,
    process: Option<Process>,
    record: Option<&'a RecordFacts>,
    message: &'a str,
}

/// An element of an array, without what stands before and behind it.
///
/// # Errors
/// As [`array`].
pub(super) fn swept(words: &Words, finding: Option<&Finding>) -> io::Result<String> {
    let object = Swept {
        pidfile: as_json(words.pidfile.as_os_str()),
        path: as_json(words.path.as_os_str()),
        action: words.action,
        what: words.what,
        class: finding.map(|it| it.reason.class().name()),
        reason: finding.map(|it| it.reason.name()),
        pid: finding.and_then(Finding::pid).map(Pid::get),
        process: finding
            .and_then(|it| it.evidence.living.as_ref())
            .map(Process::of),
        record: finding.and_then(|it| it.record.as_ref()),
        message: &words.message,
    };
    let text = serde_json::to_string_pretty(&object)?;
    Ok(format!("  {}", text.replace('\n', "\n  ")))
}

/// What has the number: `owner`, whom the pidfile means; `nobody`; `stranger`, somebody whom it does not mean; `thread`;
/// `pidward`; or `unknown`, when it cannot be told whether the pidfile means whom it names.
fn pid_is(finding: &Finding) -> &'static str {
    let living = finding.evidence.living.as_ref();
    match (finding.reason.class(), living.map(|living| living.kind)) {
        (Class::Running, _) => "owner",
        (Class::Unknown | Class::Missing, _) => "unknown",
        (Class::Stale, None) => "nobody",
        (Class::Stale, Some(Kind::Thread)) => "thread",
        (Class::Stale, Some(Kind::Pidward)) => "pidward",
        (Class::Stale, Some(Kind::Process)) => "stranger",
    }
}

fn object(finding: &Finding) -> Object<'_> {
    let class = finding.reason.class();
    Object {
        pidfile: as_json(finding.path.as_os_str()),
        class: class.name(),
        reason: finding.reason.name(),
        running: class == Class::Running,
        pid: finding.pid().map(Pid::get),
        pid_is: finding.pid().map(|_| pid_is(finding)),
        process: finding.evidence.living.as_ref().map(Process::of),
        record: finding.record.as_ref(),
        message: verdict::text(finding),
    }
}
