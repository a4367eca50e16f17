//! Who has a file open or locked, and locking one.
#![expect(unsafe_code, reason = "fcntl(2) operations that rustix does not wrap")]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType};
use syscalls::{Sysno, raw_syscall};

use crate::pid::decimal;
use crate::pidfd;
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

/// What other processes have of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// Nothing that counts.
    Free,
    /// It is open for writing, in whatever namespace.
    Open,
    /// It is locked, by POSIX, OFD or flock(2).
    Locked,
}

/// What others have of a pidfile. The POSIX locks of the calling process do not count; its other descriptors
/// and what it locked through them do, as its children may have inherited those.
///
/// Never tries to take a lock: a daemon that starts at this moment would find its pidfile locked, and give up. A
/// lease (fcntl(2), `F_SETLEASE`) is taken instead, for the time of one system call: it is granted only where nobody
/// else has the file open, and who opens it just then waits until it is back. Locks that no lease excludes are
/// looked up in /proc/locks, which takes the kernel milliseconds and shows no flock(2) whose taker is
/// dead to a PID namespace; so a descriptor for writing counts by itself.
#[must_use]
pub fn held_by_others(look: &Look) -> Held {
    // A write lock on the whole file conflicts with every POSIX and OFD lock (F_GETLK in fcntl_locking(2)). Where
    // that cannot be asked, a lease tells.
    let write_lock = Flock::from(FlockType::WriteLock);
    if let Ok(Some(_)) = rustix::process::fcntl_getlk(look.file(), &write_lock) {
        return Held::Locked;
    }
    match lease(look.file(), Lease::Alone) {
        Ok(()) => Held::Free,
        Err(_) if is_flocked(look.id) => Held::Locked,
        Err(Errno::AGAIN) if lease(look.file(), Lease::NobodyWrites) == Err(Errno::AGAIN) => {
            Held::Open
        }
        // Nobody, only readers, or a file system without leases.
        Err(_) => Held::Free,
    }
}

/// What a lease proves.
#[derive(Clone, Copy)]
enum Lease {
    /// `F_RDLCK`: nobody has the file open for writing.
    NobodyWrites = 0,
    /// `F_WRLCK`: nobody else has it open at all.
    Alone = 1,
}

/// Takes a lease and gives it back. `AGAIN` says that it is not so; `ACCES` and `INVAL`, that it cannot be told.
fn lease(file: BorrowedFd<'_>, lease: Lease) -> Result<(), Errno> {
    const F_SETSIG: usize = 10;
    const F_SETLEASE: usize = 1024;
    const F_UNLCK: usize = 2;
    /// Ignored by default. The lease's own SIGIO would end a daemon at the moment of its death otherwise than it
    /// dies.
    const SIGURG: usize = 23;
    let fcntl = |operation: usize, argument: usize| {
        // SAFETY: operations of fcntl(2) with numbers as arguments, on a descriptor that is open.
        let answer = unsafe { raw_syscall!(Sysno::fcntl, file.as_raw_fd(), operation, argument) };
        pidfd::check(answer)
    };
    fcntl(F_SETSIG, SIGURG)?;
    fcntl(F_SETLEASE, lease as usize)?;
    fcntl(F_SETLEASE, F_UNLCK).map(drop)
}

/// Whether /proc/locks, `proc_locks(5)`, lists an flock(2) on the file. Without /proc nobody can tell.
fn is_flocked(file: FileId) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(locks) = rustix::fs::openat(CWD, c"/proc/locks", flags, Mode::empty()) else {
        return false;
    };
    let mut found = false;
    let read = read::lines::<256>(locks.as_fd(), |line| {
        found = flocked_file(line) == Some(file);
        !found
    });
    found || read.is_err()
}

/// The file of a line `1: FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF`; `None` for other kinds of locks and for
/// those who wait for one.
fn flocked_file(line: &[u8]) -> Option<FileId> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .skip(1);
    if words.next()? != b"FLOCK" {
        return None;
    }
    let mut file = words.nth(3)?.split(|&byte| byte == b':');
    let mut device = || u32::from_str_radix(core::str::from_utf8(file.next()?).ok()?, 16).ok();
    let device = rustix::fs::makedev(device()?, device()?);
    Some(FileId {
        device,
        inode: decimal(file.next()?)?,
    })
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
        let file = |line: &str| flocked_file(line.as_bytes());
        assert_eq!(
            file("1: FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF"),
            Some(id)
        );
        assert_eq!(
            file("1: -> FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF"),
            None
        );
        assert_eq!(file("2: POSIX  ADVISORY  WRITE 90 08:01:1234 0 EOF"), None);
        assert_eq!(file("3: FLOCK  ADV"), None);
    }

    #[test]
    fn who_has_the_pidfile_open_or_locked_is_found_out() {
        let directory = std::env::temp_dir().join(format!("pidward-held-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("x.pid");
        std::fs::write(&path, "15\n").unwrap();
        let c_directory = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
        let pidfile = crate::pidfile::Pidfile::in_directory(&c_directory, c"x.pid").unwrap();
        let look = pidfile.look().unwrap();
        assert_eq!(held_by_others(&look), Held::Free);
        let writer = std::fs::File::options().write(true).open(&path).unwrap();
        assert_eq!(held_by_others(&look), Held::Open, "somebody may write");
        drop(writer);
        let reader = std::fs::File::open(&path).unwrap();
        reader.lock().unwrap();
        assert_eq!(
            held_by_others(&look),
            Held::Locked,
            "somebody reads and locks"
        );
        std::fs::remove_dir_all(&directory).unwrap();
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
