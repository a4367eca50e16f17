//! Waiting until something becomes true of a pidfile or its record: inotify(7) says when to look again.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use pidward_identity::AsRawFd;
use pidward_identity::pidfile::Pidfile;

use crate::vigil::timeout;

/// Looks, and looks again after every change in the pidfile's directory or of its place, until there is something to see; `None` when
/// there is nothing after that time.
pub(crate) fn until<T>(
    pidfile: &Pidfile<'_>,
    patience: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Option<T> {
    let end = Instant::now() + patience;
    // A user may have but so many; without one there is the look at the end.
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
    let events = AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_MOVE_SELF;
    if let Some(inotify) = &inotify {
        let _ = inotify.add_watch(entry(pidfile).as_str(), events);
    }
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() >= end {
            return seen;
        }
        let fd = inotify.as_ref().map(AsFd::as_fd);
        let mut fds: Vec<PollFd<'_>> = fd
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .into_iter()
            .collect();
        let _ = poll(&mut fds, timeout(Some(end)));
        // What the events say does not matter.
        let drain = |it: &Inotify| it.read_events().is_ok_and(|events| !events.is_empty());
        while inotify.as_ref().is_some_and(drain) {}
    }
}

/// A path to the pidfile's directory: not its own, which may lead elsewhere by now.
pub(crate) fn entry(pidfile: &Pidfile<'_>) -> String {
    format!("/proc/self/fd/{}", pidfile.directory().as_raw_fd())
}
