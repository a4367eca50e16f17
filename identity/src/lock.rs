//! The lock that a guard holds on its record for as long as it lives.

use rustix::fd::AsFd;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

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
    loop {
        match rustix::fs::flock(&record, FlockOperation::NonBlockingLockShared) {
            Ok(()) => return rustix::fs::flock(&record, FlockOperation::Unlock).map(|()| false),
            Err(Errno::AGAIN) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};

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
