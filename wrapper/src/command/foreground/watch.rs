//! Watches with inotify(7) what can name another process: the pidfile, its directory while it names nobody of ours, the
//! links to recorded pidfiles while none is known.
//!
//! What an event says is hardly used, it wakes us to look again; and looking comes after arming. Only that there was a
//! pidfile is remembered: it may be gone before anybody has looked.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use nix::sys::stat::fstat;

/// What is watched: a file or directory by device and inode.
type Target = (u64, u64);

/// An inotify instance with at most one watch. A user has but 128 instances, so there may be none.
pub(super) struct Watch {
    inotify: Option<Inotify>,
    armed: Option<(WatchDescriptor, Target)>,
}

impl Watch {
    pub(super) fn new() -> Self {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Self {
            inotify: Inotify::init(flags).ok(),
            armed: None,
        }
    }

    /// Watches this file or directory and nothing else. `true` when it was not watched before: what happened until now
    /// has to be looked for.
    pub(super) fn arm(&mut self, file: BorrowedFd<'_>) -> bool {
        let target = fstat(file).map(|stat| (stat.st_dev, stat.st_ino)).ok();
        if target.is_some() && self.armed.map(|(_, armed)| armed) == target {
            return false;
        }
        // A path would be looked up again, and could lead elsewhere by now.
        let entry = format!("/proc/self/fd/{}", file.as_raw_fd());
        let added = self.add(Path::new(&entry)).ok();
        let old = self.armed.take();
        self.armed = added.zip(target);
        if let (Some((old, _)), Some(inotify)) = (old, &self.inotify)
            && Some(old) != added
        {
            // It is gone by itself when its file is.
            let _ = inotify.rm_watch(old);
        }
        self.armed.is_some()
    }

    fn add(&self, path: &Path) -> Result<WatchDescriptor, Errno> {
        let changes = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF;
        self.inotify
            .as_ref()
            .ok_or(Errno::EMFILE)?
            .add_watch(path, changes)
    }

    /// Whether changes will be seen.
    pub(super) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// What becomes readable when something changes.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Forgets the events so far; to be called before looking. Whether one of them was of this name in the directory
    /// that is watched.
    pub(super) fn drain(&self, name: Option<&OsStr>) -> bool {
        let mut came = false;
        while let Some(events) = self.inotify.as_ref().and_then(|it| it.read_events().ok())
            && !events.is_empty()
        {
            let names = events.iter().filter_map(|event| event.name.as_deref());
            came |= names.into_iter().any(|its| name == Some(its));
        }
        came
    }
}
