//! Whose the pidfile is now: the same owner's, handed over to another, on its way, or removed.
//!
//! A pidfile is taken for an owner's when it names a living process for which it may speak. Once taken, it is
//! his for as long as it holds his number: daemons that drop privileges or step the clock do not lose it.

use arrayvec::ArrayVec;
use pidward_identity::evidence::{self, Claim, Evidence, Number};
use pidward_identity::pid::{NotAPid, Pid};
use pidward_identity::pidfd::PidFd;
use pidward_identity::pidfile::{FileId, Look, NoLook, Pidfile, Written};
use pidward_identity::process::Proc;
use pidward_identity::verdict::{self, Reason};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

/// A pidfile as it was looked at: which file, as of when, with which text. The text as well, because the clock of
/// files is coarse: two daemons can write numbers of the same length in one of its ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    pub(crate) id: FileId,
    pub(crate) written: Written,
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
    /// Itself; `None` when it was dead already.
    pidfd: Option<PidFd>,
    /// The pidfile when it was last seen to be his.
    pub(crate) version: Version,
    /// That file, held to tell its removal from its renaming.
    file: Option<OwnedFd>,
}

impl Owner {
    fn new(pid: Pid, comm: ArrayVec<u8, 16>, pidfd: Option<PidFd>, look: Look) -> Self {
        Self {
            pid,
            comm,
            pidfd,
            version: Version::from(&look),
            file: Some(look.into_file()),
        }
    }

    /// The pidfile is still his, as this look shows it.
    pub(crate) fn still_has(&mut self, look: Look) {
        self.version = Version::from(&look);
        self.file = Some(look.into_file());
    }

    /// Lets go of the file: while it is open here, a removal cannot find that nobody else has it open.
    pub(crate) fn close_file(&mut self) {
        self.file = None;
    }

    /// The file that is, or was, his pidfile.
    pub(crate) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Whether the file that was his pidfile still has a name: then it was moved, not removed.
    pub(crate) fn file_was_moved(&self) -> bool {
        let stat = self.file().map(rustix::fs::fstat);
        stat.is_some_and(|stat| stat.is_ok_and(|stat| stat.st_nlink > 0))
    }

    /// Itself, unless it was dead when it was found.
    pub(crate) fn pidfd(&self) -> Option<&PidFd> {
        self.pidfd.as_ref()
    }

    /// Whether it is dead.
    pub(crate) fn is_dead(&self) -> bool {
        self.pidfd().is_none_or(PidFd::is_dead)
    }
}

/// Whom a pidfile names.
#[derive(Debug)]
pub(crate) enum Named {
    /// A process that can be guarded.
    Owner(Owner),
    /// A process, but it may not be the one, or not yet.
    Doubtful(Doubt),
    /// A process that is no more. Who wrote the file may have meant it, or the file is an old one.
    Dead(Owner),
    /// Nobody who could be meant.
    Nobody,
}

/// Finds the process that the pidfile names. One that the user vouches for needs no more evidence than its life.
pub(crate) fn named(pidfile: &Pidfile<'_>, look: Look, vouched: Option<Pid>) -> Named {
    let Ok(pid) = look.pid else {
        return Named::Nobody;
    };
    let pidfd = match PidFd::open(pid) {
        Ok(pidfd) => pidfd,
        Err(Errno::SRCH) => return Named::Dead(Owner::new(pid, ArrayVec::new(), None, look)),
        // A thread's.
        Err(Errno::INVAL | Errno::NOENT) => return Named::Nobody,
        Err(_) => return Named::Doubtful(Doubt::Unasked),
    };
    let writers = pidfile.writers(&look);
    let proc = Proc::open().ok();
    let number = Number {
        pid,
        pidfd: Some(&pidfd),
        info: true,
        proc: proc.as_ref(),
    };
    // Whatever record there is, this guard is who keeps it.
    let evidence = Evidence {
        living: evidence::living(&look, &writers, &number),
        ..Evidence::of_claim(Claim::Pid(pid), true)
    };
    let reason = verdict::of(&evidence);
    let Some(living) = evidence.living else {
        return Named::Dead(Owner::new(pid, ArrayVec::new(), Some(pidfd), look));
    };
    let is_vouched = vouched == Some(pid);
    // Of a process that /proc does not show nothing is known, so nothing will be recorded; but its death can be
    // seen, and its pidfile removed then.
    if reason == Reason::Untrusted && !is_vouched && living.uid.is_some() {
        return Named::Doubtful(Doubt::Untrusted(pid));
    }
    let is_plausible = matches!(reason, Reason::Unverified | Reason::Untrusted);
    if is_plausible || reason == Reason::Suspect && is_vouched {
        Named::Owner(Owner::new(pid, living.comm, Some(pidfd), look))
    } else {
        Named::Nobody
    }
}

/// Why a pidfile that names a process may be no owner's, and be one later though nothing happens to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doubt {
    /// It may not speak for this process: somebody can change the one who has not the rights of the other. That may pass: a
    /// daemon gives its pidfile away just before it drops its privileges.
    Untrusted(Pid),
    /// It cannot be read, or its process not be asked about, for lack of memory perhaps.
    Unasked,
}

/// What became of an owner's pidfile.
#[derive(Debug)]
pub(crate) enum Now {
    /// It is still his.
    His(Look),
    /// It is another's.
    Passed(Owner),
    /// It is there, and is nobody's yet: being rewritten, or else for this reason.
    Between(Option<Doubt>),
    /// It was moved away. It, or another, will come back.
    Moved,
    /// It was removed.
    Removed,
}

/// Looks what became of it.
pub(crate) fn now(pidfile: &Pidfile<'_>, owner: &Owner) -> Now {
    match pidfile.look() {
        Ok(look) if look.pid == Ok(owner.pid) => Now::His(look),
        Ok(look) => match named(pidfile, look, None) {
            Named::Owner(another) => Now::Passed(another),
            Named::Doubtful(doubt) => Now::Between(Some(doubt)),
            Named::Dead(_) | Named::Nobody => Now::Between(None),
        },
        Err(NoLook::Missing) if owner.file_was_moved() => Now::Moved,
        Err(NoLook::Missing) => Now::Removed,
        Err(NoLook::NotRegular) => Now::Between(None),
        Err(NoLook::Unreadable(_)) => Now::Between(Some(Doubt::Unasked)),
    }
}
