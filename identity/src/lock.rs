//! Who locks a file, and locking one.

use rustix::fd::AsFd;
use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType};

use crate::pid::{Pid, decimal};
use crate::pidfile::{FileId, Look};
use crate::read;

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

/// Whether somebody holds a lock of any kind on a pidfile. The POSIX locks of the calling process do not
/// count, nor an flock(2) taken by `dying`, the calling process when it is the daemon at its end.
///
/// Never tries to take the lock: a daemon that starts at this moment would find its pidfile locked, and give up.
/// When the answer cannot be had, it is `true`.
#[must_use]
pub fn is_locked_by_others(look: &Look, dying: Option<Pid>) -> bool {
    // A write lock on the whole file conflicts with every POSIX and OFD lock (fcntl_locking(2)).
    match rustix::process::fcntl_getlk(look.file(), &Flock::from(FlockType::WriteLock)) {
        Ok(None) => flock_holder(look.id, dying),
        Ok(Some(_)) => true,
        // A file system without locks.
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK) => false,
        Err(_) => true,
    }
}

/// Whether /proc/locks, `proc_locks(5)`, lists an flock(2) on the file.
fn flock_holder(file: FileId, dying: Option<Pid>) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(locks) = rustix::fs::openat(CWD, c"/proc/locks", flags, Mode::empty()) else {
        // Without /proc nobody can tell; the lock of flock(2) is advice, the text of the file decides.
        return false;
    };
    let mut found = false;
    let read = read::lines::<256>(locks.as_fd(), |line| {
        found = held_flock(line)
            .is_some_and(|(holder, id)| id == file && Some(holder) != dying.map(Pid::get));
        !found
    });
    found || read.is_err()
}

/// Holder and file of a line `1: FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF`; `None` for other kinds of locks
/// and for those who wait for one.
fn held_flock(line: &[u8]) -> Option<(i32, FileId)> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .skip(1);
    if words.next()? != b"FLOCK" {
        return None;
    }
    let holder = i32::try_from(decimal(words.nth(2)?)?).ok()?;
    let mut file = words.next()?.split(|&byte| byte == b':');
    let mut device = || u32::from_str_radix(core::str::from_utf8(file.next()?).ok()?, 16).ok();
    let device = rustix::fs::makedev(device()?, device()?);
    Some((
        holder,
        FileId {
            device,
            inode: decimal(file.next()?)?,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_held_flock_counts() {
        let id = FileId {
            device: rustix::fs::makedev(8, 1),
            inode: 1234,
        };
        assert_eq!(
            held_flock(b"1: FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF"),
            Some((90, id))
        );
        assert_eq!(
            held_flock(b"1: -> FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF"),
            None
        );
        assert_eq!(
            held_flock(b"2: POSIX  ADVISORY  WRITE 90 08:01:1234 0 EOF"),
            None
        );
        assert_eq!(held_flock(b"3: FLOCK  ADV"), None);
    }

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
