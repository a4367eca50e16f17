//! Waiting for something to become true of files, without looking at a clock: inotify(7) says when to look again.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::deadline::Deadline;
use crate::failure::{Checked, Doing};

/// Looks until there is something to see or the deadline is over. For what the kernel tells nobody: that a port is
/// listened at, that a zombie is gone.
pub fn every_ten_milliseconds<T>(
    deadline: Deadline,
    mut look: impl FnMut() -> Option<T>,
) -> Option<T> {
    loop {
        let seen = look();
        if seen.is_some() || deadline.passed() {
            return seen;
        }
        // An interruption is as good as the time's end.
        let _ = poll(&mut [], 10_u8);
    }
}

/// Directories under observation from the moment it was made.
#[derive(Debug)]
pub struct Watch {
    inotify: Inotify,
}

impl Watch {
    /// Observes `directories`.
    ///
    /// # Errors
    /// When one of them cannot be observed.
    pub fn on(directories: &[&Path]) -> Checked<Self> {
        let inotify =
            Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).doing("inotify")?;
        let changes = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE;
        for directory in directories {
            let named = format!("watch {}", directory.display());
            inotify.add_watch(*directory, changes).doing(named)?;
        }
        Ok(Self { inotify })
    }

    /// Looks, and looks again after every change and whenever one of `also` becomes readable, until there is
    /// something to see or the deadline is over.
    pub fn until<T>(
        &self,
        deadline: Deadline,
        also: &[BorrowedFd<'_>],
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let mut also = also.to_vec();
        loop {
            if let Some(seen) = look() {
                return Some(seen);
            }
            if deadline.passed() {
                return None;
            }
            let mut fds: Vec<PollFd<'_>> = also
                .iter()
                .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
                .collect();
            fds.push(PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN));
            // An error here is an interruption; looking once more is right in any case.
            let _ = poll(&mut fds, deadline.left());
            // A dead process stays readable: it is news once.
            let news: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
            drop(fds);
            let mut news = news.into_iter();
            also.retain(|_| !news.next().unwrap_or(false));
            while self
                .inotify
                .read_events()
                .is_ok_and(|events| !events.is_empty())
            {}
        }
    }
}
