//! A process that a test follows: its number together with a pidfd, so that it is never mistaken for another one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::deadline::Deadline;
use crate::pidfd;

/// A process, alive or dead, but always the same one.
#[derive(Debug)]
pub struct Process {
    /// Its PID in our namespace.
    pub pid: i32,
    pidfd: OwnedFd,
}

impl Process {
    /// The process that has this number now.
    #[must_use]
    pub fn open(pid: i32) -> Option<Self> {
        pidfd::open(pid).ok().map(|pidfd| Self { pid, pidfd })
    }

    /// As [`Process::open`], for one that lives: a zombie is none.
    #[must_use]
    pub fn living(pid: i32) -> Option<Self> {
        Self::open(pid).filter(|process| !process.is_dead())
    }

    /// Whether all its threads are gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.tells(PollFlags::POLLIN, PollTimeout::ZERO)
    }

    /// Waits for its death; false when it still lives at the deadline.
    #[must_use]
    pub fn dies_by(&self, deadline: Deadline) -> bool {
        self.tells(PollFlags::POLLIN, deadline.left())
    }

    /// Waits until its parent has taken its exit status; false when it has not at the deadline.
    #[must_use]
    pub fn is_reaped_by(&self, deadline: Deadline) -> bool {
        // POLLHUP comes unasked, since Linux 6.9.
        self.tells(PollFlags::empty(), deadline.left())
    }

    fn tells(&self, asked: PollFlags, timeout: PollTimeout) -> bool {
        let mut fds = [PollFd::new(self.pidfd.as_fd(), asked)];
        poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
    }

    /// Signals it. One that is already gone is not an error: it got what it was to get.
    ///
    /// # Errors
    /// Whatever the kernel refuses other than that.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd::send_signal(self.pidfd.as_fd(), signal) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            result => result,
        }
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
