//! The process that a pidfile names, if it is one of our tree.
//!
//! A pidfile that was there before the command, and was not written since, names nobody: in a container that starts
//! again its old number is soon another process's.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use pidward_identity::evidence::Question;
use pidward_identity::pid::Pid;
use pidward_identity::pidfd::PidFd;
use pidward_identity::pidfile::{FileId, Look, Written};
use pidward_identity::process::ClockTicks;
use pidward_identity::verdict::{Class, Reason};

use super::descriptor;
use super::reaping::{self, Ended};
use crate::finding::Looked;
use crate::place::Place;

/// Which file a pidfile was, as of when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Version(FileId, Written);

impl Version {
    /// The pidfile as it is now, if there is one.
    pub(super) fn at(place: &Place) -> Option<Self> {
        let pidfile = place.open().ok()?;
        pidfile.look().ok().as_ref().map(Self::of)
    }

    fn of(look: &Look) -> Self {
        Self(look.id, look.written)
    }
}

/// A process of our tree that a pidfile named when it was last looked at.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) pid: Pid,
    pub(super) started: ClockTicks,
    pidfd: PidFd,
    /// The file that named it. Not open, as a lease would find that out, only held.
    file: Option<File>,
    ended: Option<Ended>,
}

impl Owner {
    /// The living process that the pidfile names.
    pub(super) fn living(place: &Place, before: Option<Version>) -> Option<Self> {
        Self::of(place, before, |reason| reason.class() == Class::Running)
    }

    /// The same, if a record proves that it is meant.
    pub(super) fn recorded(place: &Place) -> Option<Self> {
        Self::of(place, None, |reason| matches!(reason, Reason::Verified(_)))
    }

    fn of(
        place: &Place,
        before: Option<Version>,
        is_wanted: impl Fn(Reason) -> bool,
    ) -> Option<Self> {
        let look = place.open().ok()?.look().ok()?;
        if before == Some(Version::of(&look)) {
            return None;
        }
        let pid = look.pid.ok()?;
        let pidfd = PidFd::open(pid).ok()?;
        let finding = Looked::at(place, Question::OF_THE_USER).finding;
        let is_meant = is_wanted(finding.reason) && finding.pid() == Some(pid);
        // It lives after all that, so all of that was about it.
        (is_meant && reaping::is_descendant(pid) && !pidfd.is_dead()).then(|| Self {
            pid,
            started: finding.evidence.living.map_or(ClockTicks(0), |it| it.start),
            pidfd,
            file: held(&look),
            ended: None,
        })
    }

    /// Our child that is dead and not reaped yet, if the pidfile names it: it did not live long.
    pub(super) fn dead(place: &Place, before: Option<Version>, child: Pid) -> Option<Self> {
        let look = place.open().ok()?.look().ok()?;
        if look.pid != Ok(child) || before == Some(Version::of(&look)) {
            return None;
        }
        Some(Self {
            pid: child,
            started: ClockTicks(0),
            pidfd: PidFd::open(child).ok()?,
            file: held(&look),
            ended: None,
        })
    }

    /// The same process, as a later look found it.
    pub(super) fn seen_again(&mut self, later: Self) {
        self.file = later.file;
    }

    /// The file that named it, for watching it.
    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Whether the file that named it has a name yet: then it was moved away, and may come back.
    pub(super) fn file_was_moved(&self) -> bool {
        let file = self.file.as_ref().map(File::metadata);
        file.is_some_and(|file| file.is_ok_and(|file| file.nlink() > 0))
    }

    pub(super) fn is_dead(&self) -> bool {
        self.pidfd.is_dead()
    }

    /// A child was reaped; it may have been this one.
    pub(super) fn note(&mut self, child: Pid, ended: Ended) {
        if child == self.pid && self.is_dead() {
            self.ended.get_or_insert(ended);
        }
    }

    /// How it ended, if it is dead and that can be known.
    pub(super) fn end(&mut self) -> Option<Ended> {
        self.ended = self
            .ended
            .or_else(|| Ended::of_anothers_child(self.pid, &self.pidfd));
        self.ended
    }

    /// Signals it. One that is dead has no use for a signal, and that is no error.
    ///
    /// # Errors
    /// Why the signal did not reach it.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Errno> {
        send(&self.pidfd, signal)
    }
}

impl AsFd for Owner {
    fn as_fd(&self) -> BorrowedFd<'_> {
        descriptor::of(&self.pidfd)
    }
}

/// Signals a process, if it lives.
///
/// # Errors
/// As for [`Owner::signal`].
pub(super) fn send(process: &PidFd, signal: Signal) -> Result<(), Errno> {
    let signal = pidward_identity::signal::Signal::new(signal as i32).ok_or(Errno::EINVAL)?;
    match process
        .signal(signal)
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
    {
        Err(Errno::ESRCH) => Ok(()),
        sent => sent,
    }
}

/// The file that was looked at, by a descriptor that does not count as an open one.
fn held(look: &Look) -> Option<File> {
    let entry = format!("/proc/self/fd/{}", descriptor::of(&look.file()).as_raw_fd());
    let mut options = File::options();
    options
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC);
    options.open(entry).ok()
}
