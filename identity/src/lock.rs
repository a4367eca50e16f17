//! The locks that a guard holds on its record for as long as it lives.
//!
//! There are two. An exclusive flock(2) is for all to see, but whoever can read the record could hold one. A POSIX lock for
//! writing takes a descriptor that is open for writing (`fcntl_locking(2)`, `F_SETLK`), so only who owns the record can
//! hold that: it is the one that proves a guard.

use core::ffi::CStr;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType};

use crate::pidfile::Pidfile;

/// What came of taking the locks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// They are this process's, until it closes any descriptor of the record.
    Ours,
    /// A guard has them.
    Guards,
    /// Somebody who is no guard has a lock that is in the way.
    Strangers,
}

/// Takes a guard's locks on a record that is open for writing.
///
/// # Errors
/// What fcntl(2) and flock(2) say.
pub fn take(record: impl AsFd) -> Result<Taken, Errno> {
    let lock = FlockOperation::NonBlockingLockExclusive;
    // Somebody who only asks, or removes a record that nobody guards, holds a lock for a moment. That is no guard, so ask
    // again; many times, because a guard that gives way to a question would leave its daemon unguarded.
    for _ in 0..1000 {
        let proof = rustix::fs::fcntl_lock(&record, lock);
        match proof.and_then(|()| rustix::fs::flock(&record, lock)) {
            Ok(()) => return Ok(Taken::Ours),
            Err(Errno::AGAIN | Errno::ACCESS | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if is_held(&record)? {
            return Ok(Taken::Guards);
        }
        rustix::thread::sched_yield();
    }
    Ok(Taken::Strangers)
}

/// Whether a guard holds its locks on this record, in whatever namespace it lives.
///
/// # Errors
/// What fcntl(2) says.
pub fn is_held(record: impl AsFd) -> Result<bool, Errno> {
    // A lock for reading conflicts with one for writing, and with nothing else.
    let question = Flock::from(FlockType::ReadLock);
    rustix::process::fcntl_getlk(&record, &question).map(|lock| lock.is_some())
}

/// Whether anybody has a lock on this record that could be a guard's.
///
/// # Errors
/// What fcntl(2) and flock(2) say.
pub fn may_be_held(record: impl AsFd) -> Result<bool, Errno> {
    if is_held(&record)? {
        return Ok(true);
    }
    match rustix::fs::flock(&record, FlockOperation::NonBlockingLockShared) {
        Ok(()) => rustix::fs::flock(&record, FlockOperation::Unlock).map(|()| false),
        Err(Errno::AGAIN) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Does something while nobody has a lock on this record that could be a guard's, and no guard can take them; `None` when
/// somebody has. A guard that comes meanwhile asks again.
pub fn unless_held<T>(record: OwnedFd, then: impl FnOnce() -> T) -> Option<T> {
    let lock = FlockOperation::NonBlockingLockShared;
    rustix::fs::fcntl_lock(&record, lock).ok()?;
    rustix::fs::flock(&record, lock).ok()?;
    let done = then();
    // Both locks go with the descriptor.
    drop(record);
    Some(done)
}

/// Whether a guard is at work for this pidfile.
#[must_use]
pub fn is_guarded(pidfile: &Pidfile<'_>) -> bool {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open =
        |name: &CStr| rustix::fs::openat(pidfile.directory(), name, flags, Mode::empty()).ok();
    let record = pidfile.record_name().and_then(|name| open(name.as_c_str()));
    record.is_some_and(|record| is_held(record) == Ok(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no locks of files")]
    fn a_lock_that_takes_no_write_access_is_no_guards() {
        let path = std::env::temp_dir().join(format!("pidward-lock-{}", std::process::id()));
        let path = path.to_str().unwrap();
        let open = |access| rustix::fs::open(path, access, Mode::RUSR | Mode::WUSR).unwrap();
        let record = open(OFlags::RDWR | OFlags::CREATE);
        let stranger = open(OFlags::RDONLY);
        std::fs::remove_file(path).unwrap();
        rustix::fs::flock(&stranger, FlockOperation::LockExclusive).unwrap();
        assert_eq!(is_held(&record), Ok(false));
        assert_eq!(may_be_held(&record), Ok(true));
        assert_eq!(take(&record), Ok(Taken::Strangers));
        rustix::fs::flock(&stranger, FlockOperation::Unlock).unwrap();
        assert_eq!(may_be_held(&record), Ok(false));
        assert_eq!(take(&record), Ok(Taken::Ours));
        // Of those of a guard in another process the promises tell: a process is in its own way with none of its POSIX locks.
        assert_eq!(may_be_held(&stranger), Ok(true));
    }
}
