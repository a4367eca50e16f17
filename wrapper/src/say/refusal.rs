//! Why something was not done: what, why, and what to do about it.

use pidward_identity::Errno;
use pidward_identity::below::Below;
use pidward_identity::evidence::{Claim, Evidence, Recorded};
use pidward_identity::owner::Owner;
use pidward_identity::remove::Kept;
use pidward_identity::signal::Signal;
use pidward_identity::verdict::{Class, Reason};

use super::text::{cause, escaped, user};
use super::verdict::{self, who};
use super::{advice, why_kept};
use crate::exit::Exit;
use crate::finding::{Finding, Looked};

/// What is to be done with the process behind a pidfile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Signal,
    Stop,
    Wait,
    Adopt,
}

impl Act {
    /// That it was not done, to go on with a path.
    const fn refused(self) -> &'static str {
        match self {
            Self::Signal => "did not signal",
            Self::Stop => "did not stop",
            Self::Wait => "did not wait for",
            Self::Adopt => "did not adopt",
        }
    }

    /// Whether the verdict allows it; `unverified` is the user's word that he means the process.
    const fn is_allowed(self, reason: Reason, unverified: bool) -> bool {
        match (reason, self) {
            (Reason::Verified(_), _) | (Reason::Unverified, Self::Wait | Self::Adopt) => true,
            (Reason::Unverified, Self::Signal | Self::Stop) => unverified,
            // Nothing is done to it.
            (Reason::Suspect | Reason::Untrusted, Self::Wait) => true,
            (Reason::Suspect | Reason::Untrusted, Self::Adopt) => unverified,
            _ => false,
        }
    }
}

/// The process behind a pidfile, if the verdict allows to do this.
///
/// # Errors
/// The exit status, when it does not; that has been said then.
pub(crate) fn owner_to<'l>(
    act: Act,
    looked: &'l Looked<'_>,
    unverified: bool,
) -> Result<&'l Owner, Exit> {
    let finding = &looked.finding;
    if act.is_allowed(finding.reason, unverified)
        && let Some(owner) = &looked.owner
    {
        return Ok(owner);
    }
    let path = escaped(&finding.path);
    let sentence = format!("{} {path}: {}", act.refused(), why(finding));
    advice(&sentence, &hint(finding, &path));
    match finding.reason.class() {
        Class::Stale | Class::Missing => Err(Exit::NotRunning),
        Class::Running | Class::Unknown => Err(Exit::Unknown),
    }
}

fn why(finding: &Finding) -> String {
    match (finding.reason, finding.evidence.living.as_ref()) {
        (Reason::Unverified, _) => {
            format!(
                "there is no record that says whether {} is meant",
                who(finding)
            )
        }
        (Reason::Verified(_), _) => format!("{} cannot be held", who(finding)),
        _ => verdict::why(finding),
    }
}

/// What to do about it.
fn hint(finding: &Finding, path: &str) -> String {
    if is_for_lack_of_descriptors(finding) {
        return "Allow more open files (ulimit -n), and try again.".to_owned();
    }
    match finding.reason {
        Reason::Missing => "The daemon does not run, or keeps its pidfile elsewhere.".to_owned(),
        Reason::Dead
        | Reason::Reused
        | Reason::Thread
        | Reason::OtherBoot
        | Reason::GoneNamespace => {
            format!("The daemon is gone; \"pidward stop {path}\" removes the file.")
        }
        Reason::Verified(_) | Reason::Unverified => format!(
            "If it is, \"pidward adopt {path}\" writes one; --unverified does without it."
        ),
        Reason::Suspect => format!(
            "If it is meant all the same, \"pidward adopt --unverified {path}\" records it."
        ),
        Reason::Untrusted => of_untrusted(finding),
        Reason::Elsewhere | Reason::Shared => {
            "Ask where it was written: only processes of this PID namespace can be reached from here."
                .to_owned()
        }
        Reason::Unreadable if finding.pid().is_some() => {
            format!("See what keeps {path}.ward from being read, or remove it if it means nothing.")
        }
        Reason::Unreadable => {
            "Name the regular file that the daemon writes, as a user who may read it.".to_owned()
        }
        Reason::Empty => "Try again when the daemon has written it.".to_owned(),
        Reason::Garbled => "Name the file that the daemon writes its process ID to.".to_owned(),
    }
}

fn is_for_lack_of_descriptors(finding: &Finding) -> bool {
    let error = match &finding.evidence {
        Evidence {
            claim: Claim::Unreadable(error),
            ..
        }
        | Evidence {
            recorded: Recorded::Unreadable(error),
            ..
        }
        | Evidence {
            below: Below::Untold(error),
            ..
        } => *error,
        _ => return false,
    };
    matches!(error, Errno::MFILE | Errno::NFILE)
}

fn of_untrusted(finding: &Finding) -> String {
    if matches!(finding.evidence.claim, Claim::BehindLink(_)) {
        return "Name its path without that link.".to_owned();
    }
    match finding.writers.user() {
        Some(uid) => format!(
            "Let root own the file and its directories, or run the daemon as {}.",
            user(uid)
        ),
        None => "Let root alone write to the file, its record and its directories.".to_owned(),
    }
}

/// A signal was not taken.
pub(crate) fn not_signalled(finding: &Finding, signal: Signal, error: Errno) -> Exit {
    let (path, who) = (escaped(&finding.path), who(finding));
    let sentence =
        |why: &str| format!("did not send {signal} to {who}, the process of {path}: {why}");
    match error {
        Errno::SRCH => {
            advice(
                &sentence("it has just ended"),
                &format!("\"pidward status {path}\" says what is left."),
            );
            Exit::NotRunning
        }
        Errno::PERM => {
            let living = finding.evidence.living.as_ref();
            let owner = living.and_then(|living| living.uid);
            let whose = owner.map_or_else(
                || "it is another user's".to_owned(),
                |uid| format!("it runs as {}", user(uid)),
            );
            advice(&sentence(&whose), "Become that user, or root.");
            Exit::Unknown
        }
        error => {
            advice(
                &sentence(&cause(nix::errno::Errno::from_raw(error.raw_os_error()))),
                "Nothing was sent.",
            );
            Exit::Failed
        }
    }
}

/// A stale pidfile stays.
pub(crate) fn left(finding: &Finding, kept: Kept) -> Exit {
    super::left(finding, kept);
    exit_of(kept)
}

/// The pidfile of a daemon that has just ended stays.
pub(crate) fn left_behind(finding: &Finding, kept: Kept) -> Exit {
    let path = escaped(&finding.path);
    advice(
        &format!(
            "left {path}, though {} is gone: {}",
            who(finding),
            why_kept(kept)
        ),
        &format!("\"pidward stop {path}\" tries again."),
    );
    exit_of(kept)
}

const fn exit_of(kept: Kept) -> Exit {
    match kept {
        Kept::Denied(_) | Kept::NotReadable(_) => Exit::Unknown,
        Kept::Missing | Kept::NotHis | Kept::Locked | Kept::Open | Kept::AsideTaken => Exit::Failed,
    }
}

/// There can be no record.
pub(crate) fn cannot_record(finding: &Finding, error: nix::errno::Errno) -> Exit {
    let path = escaped(&finding.path);
    let hint = if error == nix::errno::Errno::ENAMETOOLONG {
        "Its record would be called so with \".ward\" behind it: give the pidfile a shorter name."
    } else {
        "Its record belongs beside it: somebody who can write that directory can adopt it."
    };
    advice(&format!("did not adopt {path}: {}", cause(error)), hint);
    Exit::Unknown
}

/// The daemon has ended while its guard was started.
pub(crate) fn has_ended(finding: &Finding) -> Exit {
    let path = escaped(&finding.path);
    advice(
        &format!("did not adopt {path}: {} has just ended", who(finding)),
        &format!("\"pidward status {path}\" says what is left."),
    );
    Exit::NotRunning
}

/// The pidfile has changed while its guard was started.
pub(crate) fn changed(now: &Finding) -> Exit {
    let path = escaped(&now.path);
    advice(
        &format!("did not adopt {path}: it does not mean the same process any more"),
        &format!("\"pidward status {path}\" says what it means now."),
    );
    Exit::Unknown
}

/// A guard was started, and no record came.
pub(crate) fn not_recorded(finding: &Finding, has_no_room: bool) -> Exit {
    let (why, hint) = match has_no_room {
        true => (
            ": no space left on device",
            "Make room there, and try again.",
        ),
        false => ("", "The system's log says why."),
    };
    let path = escaped(&finding.path);
    advice(
        &format!("did not adopt {path}: its guard has written no record{why}"),
        hint,
    );
    Exit::Failed
}
