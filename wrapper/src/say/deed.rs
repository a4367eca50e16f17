//! What was done: a line each, what first, then the pidfile, then its process.

use std::time::Instant;

use nix::sys::signal::Signal as Caught;
use pidward_identity::pidfd::Reaping;
use pidward_identity::process::ProcDir;
use pidward_identity::signal::Signal;

use super::text::{duration, escaped};
use super::verdict::{self, name_of, who};
use super::{advice, notice, to_stdout};
use crate::exit::Exit;
use crate::finding::{Finding, Looked};
use crate::write::unharmed;

/// A signal that was sent, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent(Signal, Instant);

impl Sent {
    /// Just now.
    pub(crate) fn now(signal: Signal) -> Self {
        Self(signal, Instant::now())
    }
}

/// Says it on standard output. The deed is done, whether or not anybody reads of it.
fn line(what: &str, finding: &Finding, more: &str) -> Exit {
    let line = format!("{what}  {}  {more}\n", escaped(&finding.path));
    let _ = unharmed(|| to_stdout(&line));
    Exit::Success
}

/// `pid 812 apache2`.
fn pid_and_name(finding: &Finding) -> String {
    let pid = finding.pid().map_or(0, |pid| pid.get());
    format!("pid {pid} {}", name_of(finding))
}

/// A signal was sent.
pub(crate) fn signalled(finding: &Finding, signal: Signal) -> Exit {
    let what = if signal == Signal::NONE {
        "reached".to_owned()
    } else {
        format!("sent {signal}")
    };
    let more = format!(
        "{} ({})",
        pid_and_name(finding),
        verdict::reason(finding.reason)
    );
    line(&what, finding, &more)
}

/// A daemon has ended.
pub(crate) fn stopped(finding: &Finding, reaping: Reaping, sent: Option<Sent>) -> Exit {
    let how = match reaping {
        Reaping::Done(Some(info)) => info.to_string(),
        // Before Linux 6.9 nobody sees a reaping.
        Reaping::Pending if state(finding).is_some_and(|(_, is_dead)| is_dead) => {
            "ended; how is not known before its parent reaps it".to_owned()
        }
        Reaping::Pending | Reaping::Done(None) => "ended; the kernel does not say how".to_owned(),
    };
    let after = sent.map_or_else(
        || "before anything was sent".to_owned(),
        |Sent(signal, _)| format!("after {signal}"),
    );
    let more = format!("{} {how} ({after})", pid_and_name(finding));
    line("stopped", finding, &more)
}

/// A stale pidfile was removed.
pub(crate) fn cleaned_up(finding: &Finding) -> Exit {
    line("removed", finding, &verdict::text(finding))
}

/// There is no pidfile, and so nothing to do.
pub(crate) fn not_there(finding: &Finding) -> Exit {
    line("missing", finding, &verdict::text(finding))
}

/// The schedule is over, and the daemon lives.
pub(crate) fn gave_up(finding: &Finding, sent: Option<Sent>) -> Exit {
    let (path, who) = (escaped(&finding.path), who(finding));
    let after = sent.map_or_else(String::new, |Sent(signal, at)| {
        format!(" {} after {signal}", duration(at.elapsed().as_secs()))
    });
    advice(
        &format!(
            "gave up on {path}: {who} still lives{after}{}",
            hindrance(finding)
        ),
        &format!("The pidfile stays; \"pidward wait {path}\" returns when it ends."),
    );
    Exit::Failed
}

/// Its state (`proc_pid_stat(5)`), while it has one, and whether that means that all its threads are dead.
fn state(finding: &Finding) -> Option<(u8, bool)> {
    let proc = ProcDir::open(finding.pid()?).ok()?;
    proc.stat(|stat| (stat.state, stat.is_dead()))
}

/// What keeps it alive, as far as its state tells.
fn hindrance(finding: &Finding) -> String {
    let Some((state, is_dead)) = state(finding) else {
        return String::new();
    };
    let meaning = match state {
        _ if is_dead => ", ending just now",
        b'D' => ", waiting for a device",
        b'T' | b't' => ", stopped; CONT lets it go on",
        b'Z' => ", its first thread has ended and others have not",
        _ => "",
    };
    format!(" (state {}{meaning})", char::from(state))
}

/// Another process has come to have the pidfile of one that is dead now.
pub(crate) fn succeeded(now: &Finding) {
    let path = escaped(&now.path);
    notice(&format!(
        "{path} means another process by now, which was left alone: {}",
        who(now)
    ));
}

/// Nobody waits any more: the time is over, or this signal came.
pub(crate) fn still_lives(living: &[Looked<'_>], caught: Option<Caught>) {
    let why = match caught {
        Some(signal) => format!("{} came", signal.as_str()),
        None => "the time is over".to_owned(),
    };
    for Looked { finding, .. } in living {
        let path = escaped(&finding.path);
        notice(&format!(
            "no longer waiting for {path}: {why}, and {} still lives",
            who(finding)
        ));
    }
}

/// A daemon is recorded and guarded.
pub(crate) fn adopted(finding: &Finding, already: bool) -> Exit {
    let what = if already { "guarded" } else { "adopted" };
    let more = format!("{}: {}", pid_and_name(finding), evidence(finding));
    line(what, finding, &more)
}

/// Which evidence the record has, and which it has not.
fn evidence(finding: &Finding) -> String {
    let Some(record) = &finding.record else {
        return "no record".to_owned();
    };
    let all = [
        ("pidfd handle", record.handle.is_some(), "before Linux 6.14"),
        ("pidfd inode", record.pidfd != 0, "before Linux 6.9"),
        ("start time", true, ""),
        ("machine ID", record.machine.is_some(), "no /etc/machine-id"),
    ];
    let has = all
        .iter()
        .filter(|(_, has, _)| *has)
        .map(|(what, ..)| *what);
    let lacks = all.iter().filter(|(_, has, _)| !has);
    let lacks: Vec<String> = lacks
        .map(|(what, _, why)| format!("{what} ({why})"))
        .collect();
    let mut text = format!("recorded with {}", has.collect::<Vec<_>>().join(", "));
    if !lacks.is_empty() {
        text += &format!("; without {}", lacks.join(", "));
    }
    text
}
