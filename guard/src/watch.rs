//! Watches the pidfile with inotify(7): its file alone while that names its owner, its directory while it does not.
//!
//! In /run something happens all the time, so the directory is watched only when the name has yet to come. What
//! an event says is never used: it wakes the guard, which looks again. Looking comes after arming, so that what
//! happened between the two is seen.

use core::ffi::CStr;

use arrayvec::ArrayVec;
use pidward_identity::pidfile::{FileId, Pidfile};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::path::DecInt;

use crate::hand_over::Owner;
use crate::rest;

/// What is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Directory,
    File(FileId),
    /// Another guard's record.
    Record,
}

/// An inotify instance with at most one watch. A user has but 128 instances, so there may be none.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    inotify: Option<OwnedFd>,
    armed: Option<(i32, Target)>,
}

impl Watch {
    /// Watches the pidfile's directory: for when its name is missing or names nobody. `true`
    /// when it was not before: what happened until now has to be looked for.
    pub(crate) fn directory(&mut self, pidfile: &Pidfile<'_>) -> bool {
        let events = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM;
        self.arm(Target::Directory, pidfile.directory(), events)
    }

    /// Watches the pidfile itself. That it is unlinked or replaced comes as a change of its attributes: it has a
    /// link less. `true` as above.
    pub(crate) fn file(&mut self, owner: &Owner) -> bool {
        let Some(file) = owner.file() else {
            return false;
        };
        let events = WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVE_SELF
            | WatchFlags::DELETE_SELF;
        self.arm(Target::File(owner.version.id), file, events)
    }

    /// Watches for the end of another guard: it unlinks its record, or at least closes it.
    pub(crate) fn record(&mut self, record: BorrowedFd<'_>) {
        self.arm(
            Target::Record,
            record,
            WatchFlags::ATTRIB | WatchFlags::CLOSE_WRITE,
        );
    }

    fn arm(&mut self, target: Target, file: BorrowedFd<'_>, events: WatchFlags) -> bool {
        if self
            .armed
            .is_some_and(|(_, armed)| armed == target && armed != Target::Record)
        {
            return false;
        }
        if self.inotify.is_none() {
            self.inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        }
        let Some(inotify) = &self.inotify else {
            return false;
        };
        let watch = Entry::of(file)
            .and_then(|entry| inotify::add_watch(inotify, entry.as_c_str()?, events).ok());
        if let Some((old, _)) = self.armed.take()
            && watch != Some(old)
        {
            // It is gone by itself when its file is.
            let _ = inotify::remove_watch(inotify, old);
        }
        self.armed = watch.map(|watch| (watch, target));
        self.armed.is_some()
    }

    /// Whether changes will wake the guard; if not, it has to look now and then.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Forgets events; to be called before looking. Those that are left wake the guard once more. It does not go on until there are
    /// none: where others write all the time it would never come to look.
    #[inline(never)]
    pub(crate) fn drain(&self) {
        let mut events = [0_u8; 1024];
        if let Some(inotify) = &self.inotify {
            let _ = rustix::io::read(inotify, &mut events);
        }
    }

    /// Waits for a change, for the process's death when one is given, or so many milliseconds. Without any of
    /// them it would wait for ever, and so it does.
    pub(crate) fn wait(&self, process: Option<BorrowedFd<'_>>, milliseconds: Option<u32>) {
        let timeout = milliseconds.map(|ms| Timespec {
            tv_sec: i64::from(ms / 1000),
            tv_nsec: i64::from(ms % 1000) * 1_000_000,
        });
        let changes = self.inotify.as_ref().map(AsFd::as_fd);
        match (process, changes) {
            (Some(process), Some(changes)) => poll([process, changes], timeout),
            (Some(one), None) | (None, Some(one)) => poll([one], timeout),
            (None, None) => poll([], timeout),
        }
    }
}

/// A descriptor's entry in /proc. A path would be looked up again, and could lead elsewhere by now.
struct Entry(ArrayVec<u8, 32>);

impl Entry {
    fn of(file: BorrowedFd<'_>) -> Option<Self> {
        let mut entry = ArrayVec::new();
        for part in [b"/proc/self/fd/", DecInt::from_fd(file).as_bytes_with_nul()] {
            entry.try_extend_from_slice(part).ok()?;
        }
        Some(Self(entry))
    }

    fn as_c_str(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(&self.0).ok()
    }
}

fn poll<const N: usize>(fds: [BorrowedFd<'_>; N], timeout: Option<Timespec>) {
    let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    match timeout {
        // A signal or a lack of memory: the caller looks and comes back.
        Some(timeout) => drop(rustix::event::poll(&mut fds, Some(&timeout))),
        None => rest::poll(&mut fds),
    }
}
