//! What a pidfile means: from evidence to a class and a reason. Pure; every command uses it.

use crate::below::{Below, Left};
use crate::evidence::{Abroad, Claim, Evidence, Kind, Living, Proof, Recorded};
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
    /// Recorded in a PID namespace that is no more.
    GoneNamespace,
    /// Recorded where we cannot look, in another PID namespace or on another machine, and it may live there.
    Elsewhere,
    /// No record, and the process is younger than the pidfile.
    Suspect,
    /// No record and no such process, but others see the file too, and may have the process.
    Shared,
    /// Somebody can write the file who has no right to speak for the process.
    Untrusted,
    /// It or its record cannot be read, or it is no regular file.
    Unreadable,
    /// It holds nothing yet.
    Empty,
    /// It holds no process ID.
    Garbled,
    /// There is no pidfile.
    Missing,
}

impl Reason {
    /// One of each, by name.
    pub const ALL: [Self; 15] = [
        Self::Verified(Proof::Handle),
        Self::Unverified,
        Self::Dead,
        Self::Reused,
        Self::Thread,
        Self::OtherBoot,
        Self::GoneNamespace,
        Self::Elsewhere,
        Self::Suspect,
        Self::Shared,
        Self::Untrusted,
        Self::Unreadable,
        Self::Empty,
        Self::Garbled,
        Self::Missing,
    ];

    /// The class it belongs to.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Verified(_) | Self::Unverified => Class::Running,
            Self::Dead | Self::Reused | Self::Thread | Self::OtherBoot | Self::GoneNamespace => {
                Class::Stale
            }
            Self::Elsewhere
            | Self::Suspect
            | Self::Shared
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
            Self::GoneNamespace => "gone-namespace",
            Self::Elsewhere => "elsewhere",
            Self::Suspect => "suspect",
            Self::Shared => "shared",
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
        Claim::BehindLink(_) => Reason::Untrusted,
        Claim::NoPid(NotAPid::Empty) => Reason::Empty,
        Claim::NoPid(NotAPid::Garbled) => Reason::Garbled,
        Claim::Pid(_) => match (evidence.recorded, &evidence.living) {
            (Recorded::Abroad(abroad), _) => of_abroad(evidence, abroad),
            (Recorded::Unreadable(_), _) => Reason::Unreadable,
            (recorded, Some(living)) => of_living(living, recorded),
            (Recorded::Nothing, None) if evidence.below != Below::Nobody => Reason::Elsewhere,
            (Recorded::Nothing, None) if evidence.shared && !evidence.named => Reason::Shared,
            (_, None) => Reason::Dead,
        },
    }
}

/// Of a process recorded under another boot, in another PID namespace, or on another machine: stale only if nobody can
/// be there who means the file.
fn of_abroad(evidence: &Evidence, abroad: Abroad) -> Reason {
    let is_possible = abroad.is_alike || abroad.is_lost;
    let may_live = abroad.guarded || is_possible || abroad.left == Left::Somebody;
    // That the guard is gone proves no more than that.
    let is_ours_alone = abroad.left == Left::Nobody || evidence.named || !evidence.shared;
    if may_live || !is_ours_alone {
        Reason::Elsewhere
    } else if abroad.this_machine && !abroad.this_boot {
        Reason::OtherBoot
    } else {
        Reason::GoneNamespace
    }
}

fn of_living(living: &Living, recorded: Recorded) -> Reason {
    let reason = match (living.kind, recorded) {
        // A thread is never the recorded process, whatever else is alike.
        (Kind::Thread, Recorded::Same(_)) | (_, Recorded::Another) => return Reason::Reused,
        (_, Recorded::Same(proof)) => Reason::Verified(proof),
        (Kind::Thread | Kind::Pidward, _) => return Reason::Thread,
        (Kind::Process, _) if living.younger_than_file => return Reason::Suspect,
        (Kind::Process, _) => Reason::Unverified,
    };
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

    const THIS_BOOT: Abroad = Abroad {
        this_boot: true,
        is_alike: false,
        is_lost: false,
        this_machine: true,
        guarded: false,
        left: Left::Unseen,
    };
    const OTHER_BOOT: Abroad = Abroad {
        this_boot: false,
        ..THIS_BOOT
    };
    const OTHER_MACHINE: Abroad = Abroad {
        this_machine: false,
        ..OTHER_BOOT
    };

    fn pid() -> Evidence {
        let pid = Pid::new(15).unwrap();
        Evidence::of_claim(Claim::Pid(pid), false)
    }

    /// Nobody has the number, and the record says this.
    fn dead(recorded: Recorded) -> Evidence {
        Evidence { recorded, ..pid() }
    }

    /// A process of user space has it, older than the file, and the file may speak for it.
    fn alive(recorded: Recorded) -> Evidence {
        as_it(recorded, |_| {})
    }

    fn as_it(recorded: Recorded, but: impl Fn(&mut Living)) -> Evidence {
        let mut living = Living {
            kind: Kind::Process,
            comm: ArrayVec::new(),
            start: ClockTicks(1),
            uid: Some(0),
            younger_than_file: false,
            trusted: true,
        };
        but(&mut living);
        Evidence {
            living: Some(living),
            ..dead(recorded)
        }
    }

    fn thread(recorded: Recorded) -> Evidence {
        as_it(recorded, |it| it.kind = Kind::Thread)
    }

    fn pidwards(recorded: Recorded) -> Evidence {
        as_it(recorded, |it| it.kind = Kind::Pidward)
    }

    fn younger(recorded: Recorded) -> Evidence {
        as_it(recorded, |it| it.younger_than_file = true)
    }

    fn untrusted(recorded: Recorded) -> Evidence {
        as_it(recorded, |it| it.trusted = false)
    }

    fn shared(evidence: Evidence) -> Evidence {
        Evidence {
            shared: true,
            ..evidence
        }
    }

    fn named(evidence: Evidence) -> Evidence {
        Evidence {
            named: true,
            ..evidence
        }
    }

    fn below(evidence: Evidence) -> Evidence {
        Evidence {
            below: Below::Somebody,
            ..evidence
        }
    }

    fn guarded(abroad: Abroad) -> Abroad {
        Abroad {
            guarded: true,
            ..abroad
        }
    }

    fn left(abroad: Abroad, left: Left) -> Abroad {
        Abroad { left, ..abroad }
    }

    #[test]
    fn each_evidence_has_its_verdict() {
        use Recorded::{Abroad, Another, Nothing, Same, Unreadable};
        let of_claim = |claim| Evidence::of_claim(claim, false);
        for (evidence, reason) in [
            // No process is named.
            (of_claim(Claim::Missing), Reason::Missing),
            (of_claim(Claim::NotRegular), Reason::Unreadable),
            (
                of_claim(Claim::Unreadable(Errno::ACCESS)),
                Reason::Unreadable,
            ),
            (of_claim(Claim::BehindLink(33)), Reason::Untrusted),
            // Whom the record means, nobody can tell.
            (dead(Unreadable(Errno::IO)), Reason::Unreadable),
            (alive(Unreadable(Errno::IO)), Reason::Unreadable),
            (thread(Unreadable(Errno::IO)), Reason::Unreadable),
            (of_claim(Claim::NoPid(NotAPid::Empty)), Reason::Empty),
            (of_claim(Claim::NoPid(NotAPid::Garbled)), Reason::Garbled),
            // Nobody has the number.
            (dead(Nothing), Reason::Dead),
            (dead(Another), Reason::Dead),
            (dead(Same(Proof::Handle)), Reason::Dead),
            (shared(dead(Nothing)), Reason::Shared),
            (shared(dead(Another)), Reason::Dead),
            (named(shared(dead(Nothing))), Reason::Dead),
            (below(dead(Nothing)), Reason::Elsewhere),
            (named(below(dead(Nothing))), Reason::Elsewhere),
            (below(dead(Another)), Reason::Dead),
            // Somebody has it.
            (alive(Nothing), Reason::Unverified),
            (shared(alive(Nothing)), Reason::Unverified),
            (alive(Same(Proof::Handle)), Reason::Verified(Proof::Handle)),
            (alive(Same(Proof::Inode)), Reason::Verified(Proof::Inode)),
            (alive(Same(Proof::Start)), Reason::Verified(Proof::Start)),
            (alive(Another), Reason::Reused),
            (younger(Nothing), Reason::Suspect),
            (younger(Another), Reason::Reused),
            (younger(Same(Proof::Start)), Reason::Verified(Proof::Start)),
            (thread(Nothing), Reason::Thread),
            (thread(Another), Reason::Reused),
            (thread(Same(Proof::Start)), Reason::Reused),
            (pidwards(Nothing), Reason::Thread),
            (
                pidwards(Same(Proof::Handle)),
                Reason::Verified(Proof::Handle),
            ),
            (untrusted(Nothing), Reason::Untrusted),
            (untrusted(Same(Proof::Handle)), Reason::Untrusted),
            (untrusted(Another), Reason::Reused),
            // It was recorded in another PID namespace.
            (dead(Abroad(THIS_BOOT)), Reason::GoneNamespace),
            (alive(Abroad(THIS_BOOT)), Reason::GoneNamespace),
            (dead(Abroad(guarded(THIS_BOOT))), Reason::Elsewhere),
            (named(dead(Abroad(guarded(THIS_BOOT)))), Reason::Elsewhere),
            (shared(dead(Abroad(THIS_BOOT))), Reason::Elsewhere),
            (shared(alive(Abroad(THIS_BOOT))), Reason::Elsewhere),
            (
                named(shared(dead(Abroad(THIS_BOOT)))),
                Reason::GoneNamespace,
            ),
            (
                shared(dead(Abroad(left(THIS_BOOT, Left::Nobody)))),
                Reason::GoneNamespace,
            ),
            (
                named(dead(Abroad(left(THIS_BOOT, Left::Somebody)))),
                Reason::Elsewhere,
            ),
            // Under another boot.
            (dead(Abroad(OTHER_BOOT)), Reason::OtherBoot),
            (alive(Abroad(OTHER_BOOT)), Reason::OtherBoot),
            (untrusted(Abroad(OTHER_BOOT)), Reason::OtherBoot),
            (shared(dead(Abroad(OTHER_BOOT))), Reason::Elsewhere),
            (named(shared(dead(Abroad(OTHER_BOOT)))), Reason::OtherBoot),
            (named(dead(Abroad(guarded(OTHER_BOOT)))), Reason::Elsewhere),
            // Or under this one, whose identity a mount has hidden.
            (
                named(alive(Abroad(crate::evidence::Abroad {
                    is_alike: true,
                    ..OTHER_BOOT
                }))),
                Reason::Elsewhere,
            ),
            // Or nobody knows where we are.
            (
                named(dead(Abroad(crate::evidence::Abroad {
                    is_lost: true,
                    ..OTHER_BOOT
                }))),
                Reason::Elsewhere,
            ),
            // On another machine, or on one without an identity.
            (dead(Abroad(OTHER_MACHINE)), Reason::GoneNamespace),
            (shared(dead(Abroad(OTHER_MACHINE))), Reason::Elsewhere),
            (
                named(shared(dead(Abroad(OTHER_MACHINE)))),
                Reason::GoneNamespace,
            ),
            (
                named(dead(Abroad(guarded(OTHER_MACHINE)))),
                Reason::Elsewhere,
            ),
        ] {
            assert_eq!(of(&evidence), reason, "{evidence:?}");
        }
    }
}
