//! Whose the pidfile is now: the same owner's, handed over to another, on its way, or removed.
//!
//! A pidfile is taken for an owner's when it names a living process for which it may speak. Once taken, it is
//! his for as long as it holds his number: daemons that drop privileges or step the clock do not lose it.

use arrayvec::ArrayVec;
use pidward_identity::evidence::{self, Kind};
use pidward_identity::pid::{NotAPid, Pid};
use pidward_identity::pidfd::PidFd;
use pidward_identity::pidfile::{FileId, Look, NoLook, Pidfile, Written};

/// A pidfile as it was looked at: which file, as of when, with which text. The text as well, because the clock of
/// files is coarse: two daemons can write numbers of the same length in one of its ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    id: FileId,
    written: Written,
    pid: Result<Pid, NotAPid>,
}

impl From<&Look> for Version {
    fn from(look: &Look) -> Self {
        Self {
            id: look.id,
            written: look.written,
            pid: look.pid,
        }
    }
}

/// The process whose number the pidfile holds.
#[derive(Debug)]
pub(crate) struct Owner {
    /// Its number, as in the pidfile.
    pub(crate) pid: Pid,
    /// Its command name when it was found.
    pub(crate) comm: ArrayVec<u8, 16>,
    /// Itself.
    pub(crate) pidfd: PidFd,
    /// The last look at the pidfile while it was his.
    pub(crate) look: Look,
}

impl Owner {
    /// Whether the file that was his pidfile still has a name: then it was moved, not removed.
    pub(crate) fn file_was_moved(&self) -> bool {
        rustix::fs::fstat(self.look.file()).is_ok_and(|stat| stat.st_nlink > 0)
    }
}

/// Whom a pidfile names.
#[derive(Debug)]
pub(crate) enum Named {
    /// A process that can be guarded.
    Owner(Owner),
    /// A process, but the file may not speak for it: somebody can change the one who has not the rights of the
    /// other. That may pass: a daemon gives its pidfile away just before it drops its privileges.
    Untrusted(Pid),
    /// Nobody who could be meant.
    Nobody,
}

/// Finds the process that the pidfile names.
pub(crate) fn named(pidfile: &Pidfile<'_>, look: Look) -> Named {
    let Ok(pid) = look.pid else {
        return Named::Nobody;
    };
    let Ok(pidfd) = PidFd::open(pid) else {
        return Named::Nobody;
    };
    let Some(living) = evidence::living(pidfile, &look, pid, Some(&pidfd)) else {
        return Named::Nobody;
    };
    if living.kind != Kind::Process || living.younger_than_file {
        return Named::Nobody;
    }
    // Of a process that /proc does not show nothing is known, so nothing will be recorded; but its death can be
    // seen, and its pidfile removed then.
    if !living.trusted && living.uid.is_some() {
        return Named::Untrusted(pid);
    }
    Named::Owner(Owner {
        pid,
        comm: living.comm,
        pidfd,
        look,
    })
}

/// What became of an owner's pidfile.
#[derive(Debug)]
pub(crate) enum Now {
    /// It is still his.
    His(Look),
    /// It is another's.
    Passed(Owner),
    /// It is there, and is nobody's yet: being rewritten. Of a process that it may not speak for, if one.
    Between(Option<Pid>),
    /// It was moved away. It, or another, will come back.
    Moved,
    /// It was removed.
    Removed,
}

/// Looks what became of it.
pub(crate) fn now(pidfile: &Pidfile<'_>, owner: &Owner) -> Now {
    match pidfile.look() {
        Ok(look) if look.pid == Ok(owner.pid) => Now::His(look),
        Ok(look) => match named(pidfile, look) {
            Named::Owner(another) => Now::Passed(another),
            Named::Untrusted(pid) => Now::Between(Some(pid)),
            Named::Nobody => Now::Between(None),
        },
        Err(NoLook::Missing) if owner.file_was_moved() => Now::Moved,
        Err(NoLook::Missing) => Now::Removed,
        Err(NoLook::NotRegular | NoLook::Unreadable(_)) => Now::Between(None),
    }
}
