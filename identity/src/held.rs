//! Who else has a pidfile open or locked.
#![expect(unsafe_code, reason = "fcntl(2) operations that rustix does not wrap")]

use core::ffi::CStr;
use core::mem::MaybeUninit;

use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, WaitId, WaitIdOptions};
use syscalls::{Sysno, raw_syscall};

use crate::mount;
use crate::pid::decimal;
use crate::pidfd;
use crate::pidfile::{FileId, Look, id};
use crate::proc_locks::{awaited, flocked, words};
use crate::read;

/// Children that tell their end by another signal than SIGCHLD count too (`__WALL` of wait(2)).
const WALL: u32 = 0x4000_0000;

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

/// What others have of the pidfile of a dead process, or of the calling process when that is `dying`. What a
/// process has itself does not count while it is dying, unless it has children: they may have inherited it.
///
/// Never tries to take a lock: a daemon that starts at this moment would find its pidfile locked, and give up. A
/// lease (fcntl(2), `F_SETLEASE`) is taken instead, for the time of one system call: it is granted only where nobody
/// else has the file open, and who opens it just then waits until it is back. Locks that no lease excludes are
/// looked up in /proc/locks, which takes the kernel milliseconds and shows no flock(2) whose taker is
/// dead to a PID namespace; so a descriptor for writing counts by itself.
#[must_use]
pub fn by_others(look: &Look, dying: bool) -> Held {
    // A write lock on the whole file conflicts with every POSIX and OFD lock but the process's own POSIX ones
    // (F_GETLK in fcntl_locking(2)). Where that cannot be asked, a lease tells.
    let write_lock = Flock::from(FlockType::WriteLock);
    let lock = rustix::process::fcntl_getlk(look.file(), &write_lock).unwrap_or_default();
    let refused = match lease(look, Lease::Alone) {
        Ok(()) if lock.is_none() => return Held::Free,
        Ok(()) => return Held::Locked,
        Err(refused) => refused,
    };
    let own = if dying && has_no_children() {
        own(look)
    } else {
        Own::Nothing
    };
    // An exclusive lock of ours is the only one of its kind.
    let is_locked = match lock {
        // An OFD lock is nobody's: -1.
        Some(lock) => own != Own::OfdLock || lock.pid.is_some_and(|pid| pid.as_raw_pid() > 0),
        None => own != Own::Flock && is_listed(look, flocked),
    };
    let writers =
        || refused == Errno::AGAIN && lease(look, Lease::NobodyWrites) == Err(Errno::AGAIN);
    if is_locked {
        Held::Locked
    } else if own == Own::Nothing && writers() || own != Own::Nothing && is_listed(look, awaited) {
        // Who waits for a lock is the next instance: it will write there as soon as this process has ended.
        Held::Open
    } else {
        // Nobody, only readers, the process itself, or a file system without leases.
        Held::Free
    }
}

/// Whether the calling process has no children, by whatever signal they would tell their end.
fn has_no_children() -> bool {
    let any = WaitIdOptions::from_bits_retain(WALL);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT | any;
    rustix::process::waitid(WaitId::All, options).is_err_and(|error| error == Errno::CHILD)
}

/// What the calling process has of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Own {
    Nothing,
    Open,
    /// An exclusive lock by flock(2), through a descriptor of its own or one that it inherited.
    Flock,
    /// The same by `F_OFD_SETLK`.
    OfdLock,
}

/// What the calling process has of the file besides this look at it. Asked of the thread: when the first one
/// has ended, /proc/self shows nothing any more.
fn own(look: &Look) -> Own {
    let open = |path| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(CWD, path, flags, Mode::empty())
    };
    let (Ok(fds), Ok(infos)) = (
        open(c"/proc/thread-self/fd"),
        open(c"/proc/thread-self/fdinfo"),
    ) else {
        return Own::Nothing;
    };
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&fds, &mut buffer);
    let mut most = Own::Nothing;
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        let number = decimal(name.to_bytes()).and_then(|number| i32::try_from(number).ok());
        let is_another = number.is_some_and(|number| number != look.file().as_raw_fd());
        // The link leads to the file itself, wherever its name may be by now.
        let stat = || rustix::fs::statat(&fds, name, AtFlags::empty());
        if is_another && stat().is_ok_and(|stat| id(&stat) == look.id) {
            most = most.max(locked_through(&infos, name));
        }
    }
    most
}

/// The lock that belongs to a descriptor: `lock:` in `proc_pid_fdinfo(5)`, then as in `proc_locks(5)`.
fn locked_through(infos: &OwnedFd, descriptor: &CStr) -> Own {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(info) = rustix::fs::openat(infos, descriptor, flags, Mode::empty()) else {
        return Own::Open;
    };
    let mut found = Own::Open;
    let _ = read::lines::<256>(info.as_fd(), |line| {
        let mut words = words(line.strip_prefix(b"lock:").unwrap_or_default()).skip(1);
        found = match (words.next(), words.nth(1)) {
            (Some(b"FLOCK"), Some(b"WRITE")) => Own::Flock,
            (Some(b"OFDLCK"), Some(b"WRITE")) => Own::OfdLock,
            _ => return true,
        };
        false
    });
    found
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
///
/// Of another user's file it takes CAP_LEASE, which containers have not; or that user's rights for the time of one system call,
/// setfsuid(2), which changes nothing else of this thread.
fn lease(look: &Look, lease: Lease) -> Result<(), Errno> {
    const F_SETSIG: usize = 10;
    const F_SETLEASE: usize = 1024;
    const F_UNLCK: usize = 2;
    /// Ignored by default. The lease's own SIGIO would end a daemon at the moment of its death otherwise than it
    /// dies.
    const SIGURG: usize = 23;
    let fcntl = |operation: usize, argument: usize| {
        let file = look.file().as_raw_fd();
        // SAFETY: operations of fcntl(2) with numbers as arguments, on a descriptor that is open.
        let answer = unsafe { raw_syscall!(Sysno::fcntl, file, operation, argument) };
        pidfd::check(answer)
    };
    // SAFETY: takes a number, and gives the one before.
    let set_user = |uid: usize| unsafe { raw_syscall!(Sysno::setfsuid, uid) };
    let take = || fcntl(F_SETLEASE, lease as usize);
    fcntl(F_SETSIG, SIGURG)?;
    match take() {
        Err(Errno::ACCESS) => {
            let before = set_user(usize::try_from(look.uid).unwrap_or_default());
            let taken = take();
            set_user(before);
            taken?
        }
        taken => taken?,
    };
    fcntl(F_SETLEASE, F_UNLCK).map(drop)
}

/// Whether /proc/locks, `proc_locks(5)`, has a line that the function finds to be of this file. Without /proc nobody can tell.
fn is_listed(look: &Look, file_of: fn(&[u8]) -> Option<FileId>) -> bool {
    // The device is not always the one of stat(2).
    let device = mount::device_of(look.file()).unwrap_or(look.id.device);
    let file = Some(FileId { device, ..look.id });
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(locks) = rustix::fs::openat(CWD, c"/proc/locks", flags, Mode::empty()) else {
        return false;
    };
    let mut found = false;
    let read = read::lines::<256>(locks.as_fd(), |line| {
        found = file_of(line) == file;
        !found
    });
    found || read.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no openat(2)")]
    fn who_has_the_pidfile_open_or_locked_is_found_out() {
        let directory = std::env::temp_dir().join(format!("pidward-held-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("x.pid");
        std::fs::write(&path, "15\n").unwrap();
        let c_directory = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
        let pidfile = crate::pidfile::Pidfile::in_directory(&c_directory, c"x.pid").unwrap();
        let look = pidfile.look().unwrap();
        assert_eq!(by_others(&look, false), Held::Free);
        let writer = std::fs::File::options().write(true).open(&path).unwrap();
        assert_eq!(by_others(&look, false), Held::Open, "somebody may write");
        drop(writer);
        let reader = std::fs::File::open(&path).unwrap();
        reader.lock().unwrap();
        assert_eq!(
            by_others(&look, false),
            Held::Locked,
            "somebody reads and locks"
        );
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
