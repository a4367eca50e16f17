//! Waiting for the deaths of daemons, for a time to come, or for the user to lose patience. Nothing is asked again and
//! again: a pidfd says when its process is dead, and when it was reaped.

#![expect(unsafe_code, reason = "a descriptor by its number")]

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use pidward_identity::AsRawFd;
use pidward_identity::owner::Owner;

/// How often to look at processes that have no pidfd, before Linux 5.3.
const LOOK: Duration = Duration::from_millis(50);

/// What is waited for of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited<'a> {
    /// Its death.
    Death(&'a Owner),
    /// Its reaping: only then is it known how it ended.
    Reaping(&'a Owner),
}

/// A waiting, which a signal ends instead of ending the program.
#[derive(Debug)]
pub(crate) struct Vigil(SignalFd);

impl Vigil {
    /// Begins it.
    ///
    /// # Errors
    /// When there is no descriptor to be had.
    pub(crate) fn begin() -> Result<Self, Errno> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&signals, flags).map(Self)
    }

    /// Waits until something may have happened, or it is that time: then everything is to be looked at anew. Gives the
    /// signal with which the user ends the waiting.
    pub(crate) fn wait(&self, awaited: &[Awaited<'_>], until: Option<Instant>) -> Option<Signal> {
        let mut fds = vec![PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        fds.extend(awaited.iter().filter_map(|it| it.poll_fd()));
        let blind = awaited.iter().any(|it| it.poll_fd().is_none());
        let look = blind.then(|| Instant::now() + LOOK);
        // An error is an interruption; the caller looks and comes back.
        let _ = poll(&mut fds, timeout(until.into_iter().chain(look).min()));
        let caught = self.0.read_signal().ok().flatten()?;
        let number = i32::try_from(caught.ssi_signo).ok()?;
        Signal::try_from(number).ok()
    }
}

impl Awaited<'_> {
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        let (owner, events) = match self {
            Self::Death(owner) => (owner, PollFlags::POLLIN),
            // POLLHUP comes unasked.
            Self::Reaping(owner) => (owner, PollFlags::empty()),
        };
        let number = owner.pidfd()?.as_raw_fd();
        // SAFETY: it is the number of a descriptor that the owner has, and the owner is borrowed for as long.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        Some(PollFd::new(fd, events))
    }
}

/// The time after so long, or one that nobody lives to see.
pub(crate) fn after(time: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(time).unwrap_or_else(|| now + CENTURY)
}

/// Until then, rounded up: waking too early would mean waking again at once.
pub(crate) fn timeout(until: Option<Instant>) -> PollTimeout {
    let Some(until) = until else {
        return PollTimeout::NONE;
    };
    let left = until.saturating_duration_since(Instant::now());
    let left = left.saturating_add(Duration::from_nanos(999_999));
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}
