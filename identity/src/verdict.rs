//! What a pidfile means: from evidence to a class and a reason. Pure; every command uses it.

use crate::evidence::{Claim, Evidence, Kind, Living, Proof, Recorded};
use crate::pid::NotAPid;

/// The class of a verdict; each has its exit status of LSB (the specification's init script actions, `status`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// The process that is meant lives.
    Running,
    /// Proven: the process that was meant is dead.
    Stale,
    /// It cannot be told, or not be trusted.
    Unknown,
    /// There is no pidfile.
    Missing,
}

impl Class {
    /// The word for it, in messages and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Missing => "missing",
        }
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The recorded process lives, by this proof.
    Verified(Proof),
    /// The process lives; no record says whether it is the right one.
    Unverified,
    /// No such process.
    Dead,
    /// The number lives, but as another process than the recorded one.
    Reused,
    /// The number is a thread's, a kernel thread's, or pidward's own.
    Thread,
    /// Recorded on this machine under another boot.
    OtherBoot,
    /// Recorded where we cannot look: in another PID namespace or on another machine.
    Elsewhere,
    /// No record, and the process is younger than the pidfile.
    Suspect,
    /// Somebody can write the file who has no right to speak for the process.
    Untrusted,
    /// It cannot be read, or is no regular file.
    Unreadable,
    /// It holds nothing yet.
    Empty,
    /// It holds no process ID.
    Garbled,
    /// There is no pidfile.
    Missing,
}

impl Reason {
    /// The class it belongs to.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Verified(_) | Self::Unverified => Class::Running,
            Self::Dead | Self::Reused | Self::Thread | Self::OtherBoot => Class::Stale,
            Self::Elsewhere
            | Self::Suspect
            | Self::Untrusted
            | Self::Unreadable
            | Self::Empty
            | Self::Garbled => Class::Unknown,
            Self::Missing => Class::Missing,
        }
    }

    /// The word for it, in messages and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified(_) => "verified",
            Self::Unverified => "unverified",
            Self::Dead => "dead",
            Self::Reused => "reused",
            Self::Thread => "thread",
            Self::OtherBoot => "other-boot",
            Self::Elsewhere => "elsewhere",
            Self::Suspect => "suspect",
            Self::Untrusted => "untrusted",
            Self::Unreadable => "unreadable",
            Self::Empty => "empty",
            Self::Garbled => "garbled",
            Self::Missing => "missing",
        }
    }
}

/// The verdict on this evidence.
#[must_use]
pub fn of(evidence: &Evidence) -> Reason {
    match evidence.claim {
        Claim::Missing => Reason::Missing,
        Claim::NotRegular | Claim::Unreadable(_) => Reason::Unreadable,
        Claim::NoPid(NotAPid::Empty) => Reason::Empty,
        Claim::NoPid(NotAPid::Garbled) => Reason::Garbled,
        Claim::Pid(_) => match (evidence.recorded, &evidence.living) {
            (Recorded::OtherBoot, _) => Reason::OtherBoot,
            (Recorded::Elsewhere, _) => Reason::Elsewhere,
            (_, None) => Reason::Dead,
            (Recorded::Another, Some(_)) => Reason::Reused,
            (Recorded::Same(proof), Some(living)) => if_trusted(living, Reason::Verified(proof)),
            (Recorded::Nothing, Some(living)) => match living.kind {
                Kind::Thread | Kind::Pidward => Reason::Thread,
                Kind::Process if living.younger_than_file => Reason::Suspect,
                Kind::Process => if_trusted(living, Reason::Unverified),
            },
        },
    }
}

fn if_trusted(living: &Living, reason: Reason) -> Reason {
    if living.trusted {
        reason
    } else {
        Reason::Untrusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pid::Pid;
    use crate::process::ClockTicks;
    use arrayvec::ArrayVec;
    use rustix::io::Errno;

    fn living(kind: Kind, younger_than_file: bool, trusted: bool) -> Option<Living> {
        Some(Living {
            kind,
            comm: ArrayVec::new(),
            start: ClockTicks(1),
            uid: Some(0),
            younger_than_file,
            trusted,
        })
    }

    #[test]
    fn each_evidence_has_its_verdict() {
        let names = Claim::Pid(Pid::new(15).unwrap());
        let process = || living(Kind::Process, false, true);
        for (claim, living, recorded, reason) in [
            (Claim::Missing, None, Recorded::Nothing, Reason::Missing),
            (
                Claim::NotRegular,
                None,
                Recorded::Nothing,
                Reason::Unreadable,
            ),
            (
                Claim::Unreadable(Errno::ACCESS),
                None,
                Recorded::Nothing,
                Reason::Unreadable,
            ),
            (
                Claim::NoPid(NotAPid::Empty),
                None,
                Recorded::Nothing,
                Reason::Empty,
            ),
            (
                Claim::NoPid(NotAPid::Garbled),
                None,
                Recorded::Nothing,
                Reason::Garbled,
            ),
            (names, None, Recorded::Nothing, Reason::Dead),
            (names, None, Recorded::Another, Reason::Dead),
            (names, None, Recorded::Same(Proof::Handle), Reason::Dead),
            (names, None, Recorded::OtherBoot, Reason::OtherBoot),
            (names, None, Recorded::Elsewhere, Reason::Elsewhere),
            (names, process(), Recorded::Nothing, Reason::Unverified),
            (
                names,
                process(),
                Recorded::Same(Proof::Inode),
                Reason::Verified(Proof::Inode),
            ),
            (names, process(), Recorded::Another, Reason::Reused),
            (names, process(), Recorded::OtherBoot, Reason::OtherBoot),
            (names, process(), Recorded::Elsewhere, Reason::Elsewhere),
            (
                names,
                living(Kind::Process, true, true),
                Recorded::Nothing,
                Reason::Suspect,
            ),
            (
                names,
                living(Kind::Process, true, true),
                Recorded::Same(Proof::Start),
                Reason::Verified(Proof::Start),
            ),
            (
                names,
                living(Kind::Thread, false, true),
                Recorded::Nothing,
                Reason::Thread,
            ),
            (
                names,
                living(Kind::Thread, false, true),
                Recorded::Another,
                Reason::Reused,
            ),
            (
                names,
                living(Kind::Pidward, false, true),
                Recorded::Nothing,
                Reason::Thread,
            ),
            (
                names,
                living(Kind::Process, false, false),
                Recorded::Nothing,
                Reason::Untrusted,
            ),
            (
                names,
                living(Kind::Process, false, false),
                Recorded::Same(Proof::Handle),
                Reason::Untrusted,
            ),
        ] {
            let evidence = Evidence {
                claim,
                living,
                recorded,
            };
            assert_eq!(of(&evidence), reason, "{evidence:?}");
        }
    }
}
