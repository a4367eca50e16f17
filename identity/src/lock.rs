//! The lock that a guard holds on its record for as long as it lives.

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::pidfile::Pidfile;

/// Takes the guard's lock on a record. `false` means that another guard has it.
///
/// # Errors
/// What flock(2) says.
pub fn try_exclusive(record: impl AsFd) -> Result<bool, Errno> {
    // Somebody who only asks (`is_held`) holds a shared lock for a moment. That is no guard, so ask again;
    // many times, because a guard that gives way to a question would leave its daemon unguarded.
    for _ in 0..1000 {
        match rustix::fs::flock(&record, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if is_held(&record)? {
            return Ok(false);
        }
        rustix::thread::sched_yield();
    }
    Ok(false)
}

/// Whether a guard holds its lock on this record, in whatever namespace it lives.
///
/// # Errors
/// What flock(2) says.
pub fn is_held(record: impl AsFd) -> Result<bool, Errno> {
    shared(&record, || ()).map(|done| done.is_none())
}

/// Does something while no guard holds its lock on this record, and none can take it; `None` when one does. A guard that
/// comes meanwhile takes it for a question, and asks again.
pub fn unless_held<T>(record: impl AsFd, then: impl FnOnce() -> T) -> Option<T> {
    shared(&record, then).ok().flatten()
}

fn shared<T>(record: impl AsFd, then: impl FnOnce() -> T) -> Result<Option<T>, Errno> {
    loop {
        match rustix::fs::flock(&record, FlockOperation::NonBlockingLockShared) {
            Ok(()) => break,
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    let done = then();
    rustix::fs::flock(&record, FlockOperation::Unlock).map(|()| Some(done))
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
    fn a_question_does_not_count_as_a_guard() {
        let path = std::env::temp_dir().join(format!("pidward-lock-{}", std::process::id()));
        let open = || {
            rustix::fs::open(
                path.to_str().unwrap(),
                OFlags::RDWR | OFlags::CREATE,
                Mode::RUSR | Mode::WUSR,
            )
            .unwrap()
        };
        let (first, second) = (open(), open());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(is_held(&second), Ok(false));
        assert_eq!(try_exclusive(&first), Ok(true));
        assert_eq!(
            (is_held(&second), try_exclusive(&second)),
            (Ok(true), Ok(false))
        );
    }
}
