//! A descriptor of a process, `pidfd_open(2)`: it means that process for ever, whoever gets the number next.
//!
//! What a kernel does not offer is said by the type: no pidfd before 5.3, inode 0 before 6.9 (pidfs), no
//! handle before 6.14, no exit information before 6.15.
#![expect(unsafe_code, reason = "system calls that rustix does not wrap")]

use core::fmt::{self, Display};

use arrayvec::ArrayVec;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::PidfdFlags;
use syscalls::{Sysno, raw_syscall};

use crate::pid::Pid;
use crate::signal::Signal;

/// The file system of pidfds since Linux 6.9 (`PID_FS_MAGIC`, include/uapi/linux/magic.h).
const PID_FS_MAGIC: u64 = 0x5049_4446;

/// The longest file handle (`MAX_HANDLE_SZ`, include/linux/exportfs.h); those of pidfs have 8 bytes.
const MAX_HANDLE_SZ: usize = 128;

/// A process, held by a descriptor.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

/// A pidfd's file handle: names a process for as long as this boot lasts, without any PID.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handle {
    /// `handle_type` of `name_to_handle_at(2)`.
    pub kind: i32,
    /// `f_handle`, at most as long as one of pidfs.
    pub bytes: ArrayVec<u8, 24>,
}

/// `struct file_handle` of `open_by_handle_at(2)`.
#[repr(C)]
struct FileHandle {
    length: u32,
    kind: i32,
    bytes: [u8; MAX_HANDLE_SZ],
}

/// How a process ended, as far as the kernel tells it to those who are not its parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExitInfo {
    /// The status as wait(2) would give it to the parent.
    pub wait_status: i32,
}

/// Whether its parent has taken a process's exit status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaping {
    /// Not yet: it lives or is a zombie. Before Linux 6.9 nobody but its parent learns more.
    Pending,
    /// It has; with how the process ended, where the kernel tells, since Linux 6.15.
    Done(Option<ExitInfo>),
}

impl Reaping {
    /// How it ended, if that is known.
    #[must_use]
    pub fn exit_info(self) -> Option<ExitInfo> {
        match self {
            Self::Pending => None,
            Self::Done(info) => info,
        }
    }
}

impl ExitInfo {
    /// The status passed to exit(3), when it ended that way (`WEXITSTATUS`).
    #[must_use]
    pub fn exit_status(self) -> Option<i32> {
        (self.wait_status & 0x7f == 0).then_some((self.wait_status >> 8) & 0xff)
    }

    /// The signal that ended it (`WTERMSIG`).
    #[must_use]
    pub fn signal(self) -> Option<i32> {
        (self.wait_status & 0x7f != 0).then_some(self.wait_status & 0x7f)
    }

    /// Whether it left a core dump (`WCOREDUMP`).
    #[must_use]
    pub fn core_dumped(self) -> bool {
        self.wait_status & 0x80 != 0
    }
}

/// In what way a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It exited with status 0.
    Exit,
    /// It exited with another status.
    Failure,
    /// A signal ended it.
    Signal,
    /// So it did, and left a core dump.
    Core,
    /// Nobody has told.
    Unknown,
}

impl Ending {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Exit,
        Self::Failure,
        Self::Signal,
        Self::Core,
        Self::Unknown,
    ];

    /// Of what the kernel told, if it did.
    #[must_use]
    pub fn of(info: Option<ExitInfo>) -> Self {
        match info {
            None => Self::Unknown,
            Some(info) if info.core_dumped() => Self::Core,
            Some(info) => match info.exit_status() {
                None => Self::Signal,
                Some(0) => Self::Exit,
                Some(_) => Self::Failure,
            },
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Failure => "failure",
            Self::Signal => "signal",
            Self::Core => "core",
            Self::Unknown => "unknown",
        }
    }
}

impl Display for ExitInfo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(status) = self.exit_status() {
            return write!(out, "exited with status {status}");
        }
        let number = self.signal().unwrap_or_default();
        write!(out, "was ended by signal {number}")?;
        if let Some(name) = Signal::new(number).and_then(Signal::name) {
            write!(out, " ({name})")?;
        }
        if self.core_dumped() {
            out.write_str(", core dumped")?;
        }
        Ok(())
    }
}

/// What a handle led to.
#[derive(Debug)]
pub enum Reopened {
    /// A process that lives, or is a zombie.
    Process(PidFd),
    /// Nothing any more: it is dead and was reaped.
    Gone,
}

/// `struct pidfd_info` (include/uapi/linux/pidfd.h), of Linux 6.16.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup_id: u64,
    /// pid, tgid and ppid; then uid and gid: real, effective, saved, of the file system.
    ids: [u32; 11],
    exit_code: i32,
    coredump: [u32; 2],
}

/// `PIDFD_GET_INFO`: `_IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)`.
const PIDFD_GET_INFO: usize = {
    const READ_AND_WRITE: usize = 3;
    (READ_AND_WRITE << 30) | (size_of::<PidfdInfo>() << 16) | (0xff << 8) | 11
};
const PIDFD_INFO_CREDS: u64 = 1 << 1;
const PIDFD_INFO_EXIT: u64 = 1 << 3;

impl PidFd {
    /// The process that has this number now.
    ///
    /// # Errors
    /// `SRCH` when there is none; `INVAL` or `NOENT` when the number is a thread's; `NOSYS` before Linux 5.3.
    pub fn open(pid: Pid) -> Result<Self, Errno> {
        rustix::process::pidfd_open(pid.into(), PidfdFlags::empty()).map(Self)
    }

    /// Takes a descriptor that somebody gave us, if it is a pidfd.
    #[must_use]
    pub fn from_fd(fd: OwnedFd) -> Option<Self> {
        // SAFETY: signal 0 sends nothing and the null siginfo is allowed (pidfd_send_signal(2)); the kernel
        // answers EBADF for every descriptor that is not a pidfd.
        let answer = unsafe { raw_syscall!(Sysno::pidfd_send_signal, fd.as_raw_fd(), 0, 0, 0) };
        (check(answer) != Err(Errno::BADF)).then_some(Self(fd))
    }

    /// Whether it is dead, without waiting: all its threads are, not only the first one.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.wait(PollFlags::IN, Some(0))
    }

    /// Waits for its death, at most so many milliseconds; `false` when it still lives then.
    #[must_use]
    pub fn dies_within(&self, milliseconds: u32) -> bool {
        self.wait(PollFlags::IN, Some(milliseconds))
    }

    /// Waits until its parent has reaped it, at most so many milliseconds; only then is its exit known.
    #[must_use]
    pub fn reaping_within(&self, milliseconds: u32) -> Reaping {
        // In this order: its parent may reap it between the two.
        match self.wait(PollFlags::HUP, Some(milliseconds)) {
            true => Reaping::Done(self.exit_info()),
            false => Reaping::Pending,
        }
    }

    fn wait(&self, events: PollFlags, milliseconds: Option<u32>) -> bool {
        let timeout = milliseconds.map(|ms| Timespec {
            tv_sec: i64::from(ms / 1000),
            tv_nsec: i64::from(ms % 1000) * 1_000_000,
        });
        let asked = if events == PollFlags::IN {
            PollFlags::IN
        } else {
            PollFlags::empty()
        };
        let mut fds = [PollFd::new(&self.0, asked)];
        loop {
            match rustix::event::poll(&mut fds, timeout.as_ref()) {
                Err(Errno::INTR) => {}
                Ok(_) => return fds.iter().any(|fd| fd.revents().intersects(events)),
                Err(_) => return false,
            }
        }
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// `SRCH` when it is dead, `PERM` when we may not.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        // SAFETY: the null siginfo is allowed, and means that of kill(2) (pidfd_send_signal(2)).
        let answer = unsafe {
            raw_syscall!(
                Sysno::pidfd_send_signal,
                self.0.as_raw_fd(),
                signal.number(),
                0,
                0
            )
        };
        check(answer).map(drop)
    }

    /// The inode of the pidfd, which no other process of this boot has; 0 before Linux 6.9.
    #[must_use]
    pub fn inode(&self) -> u64 {
        let on_pidfs = rustix::fs::fstatfs(&self.0)
            .is_ok_and(|fs| u64::try_from(fs.f_type) == Ok(PID_FS_MAGIC));
        if !on_pidfs {
            return 0;
        }
        rustix::fs::fstat(&self.0).map_or(0, |stat| stat.st_ino)
    }

    /// The file handle of the pidfd; `None` before Linux 6.14.
    #[must_use]
    pub fn handle(&self) -> Option<Handle> {
        let mut handle = FileHandle {
            length: u32::try_from(MAX_HANDLE_SZ).ok()?,
            kind: 0,
            bytes: [0; MAX_HANDLE_SZ],
        };
        let mut mount = 0_i32;
        const AT_EMPTY_PATH: usize = 0x1000;
        // SAFETY: the path is empty, `handle` has room for as many bytes as its length says, and `mount` is an
        // int; the kernel writes to nothing else (name_to_handle_at(2)).
        let answer = unsafe {
            raw_syscall!(
                Sysno::name_to_handle_at,
                self.0.as_raw_fd(),
                c"".as_ptr(),
                &raw mut handle,
                &raw mut mount,
                AT_EMPTY_PATH
            )
        };
        check(answer).ok()?;
        let bytes = handle.bytes.get(..usize::try_from(handle.length).ok()?)?;
        Some(Handle {
            kind: handle.kind,
            bytes: bytes.try_into().ok()?,
        })
    }

    /// The process that a handle of this boot names. Needs no privilege: any pidfd, ours here, is the mount.
    ///
    /// # Errors
    /// What `open_by_handle_at(2)` says, when that is no answer: the kernel does not know such handles.
    pub fn reopen(&self, handle: &Handle) -> Result<Reopened, Errno> {
        let mut raw = FileHandle {
            length: 0,
            kind: handle.kind,
            bytes: [0; MAX_HANDLE_SZ],
        };
        for (to, from) in raw.bytes.iter_mut().zip(&handle.bytes) {
            *to = *from;
        }
        raw.length = u32::try_from(handle.bytes.len()).unwrap_or_default();
        // SAFETY: `raw` is a complete file handle; the kernel only reads it (open_by_handle_at(2)).
        let answer = unsafe {
            raw_syscall!(
                Sysno::open_by_handle_at,
                self.0.as_raw_fd(),
                &raw const raw,
                OFlags::CLOEXEC.bits()
            )
        };
        match check(answer) {
            Err(Errno::STALE) => Ok(Reopened::Gone),
            Err(error) => Err(error),
            Ok(fd) => {
                let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
                // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
                Ok(Reopened::Process(Self(unsafe { OwnedFd::from_raw_fd(fd) })))
            }
        }
    }

    /// How it ended; `None` while it lives or is a zombie, and before Linux 6.15.
    fn exit_info(&self) -> Option<ExitInfo> {
        let info = self.info(PIDFD_INFO_EXIT)?;
        Some(ExitInfo {
            wait_status: info.exit_code,
        })
    }

    /// Its real, effective and saved user, and its effective group, as our user namespace numbers them; `None` when it was reaped,
    /// and before Linux 6.13.
    #[must_use]
    pub fn users_and_group(&self) -> Option<([u32; 3], u32)> {
        let [_, _, _, real, _, effective, gid, saved, ..] = self.info(PIDFD_INFO_CREDS)?.ids;
        Some(([real, effective, saved], gid))
    }

    /// What was asked for; `None` where the kernel does not tell.
    fn info(&self, mask: u64) -> Option<PidfdInfo> {
        let mut info = PidfdInfo {
            mask,
            ..PidfdInfo::default()
        };
        // SAFETY: the request carries the size of `info`, and the kernel writes at most that much into it.
        let answer = unsafe {
            raw_syscall!(
                Sysno::ioctl,
                self.0.as_raw_fd(),
                PIDFD_GET_INFO,
                &raw mut info
            )
        };
        check(answer).ok()?;
        (info.mask & mask != 0).then_some(info)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Signals whatever process has this number now, kill(2). Only for where there is no pidfd, before Linux 5.3.
pub(crate) fn signal_number(pid: Pid, signal: Signal) -> Result<(), Errno> {
    // SAFETY: kill(2) takes two numbers; this one is above 0, so it means one process.
    check(unsafe { raw_syscall!(Sysno::kill, pid.get(), signal.number()) }).map(drop)
}

impl AsRawFd for PidFd {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

/// What a raw system call returned: a result, or an error number negated (intro(2)).
pub(crate) fn check(answer: usize) -> Result<usize, Errno> {
    match answer.cast_signed() {
        error @ -4095..=-1 => Err(Errno::from_raw_os_error(
            i32::try_from(-error).unwrap_or_default(),
        )),
        _ => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no pidfds")]
    fn a_handle_leads_back_to_its_process() {
        let own = PidFd::open(Pid::this_process()).unwrap();
        let handle = own.handle().unwrap();
        let Ok(Reopened::Process(again)) = own.reopen(&handle) else {
            panic!("not reopened")
        };
        assert_eq!(again.inode(), own.inode());
        assert_ne!(own.inode(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no child processes")]
    fn the_end_of_a_child_is_told_once_it_is_reaped() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "exit 7"])
            .spawn()
            .unwrap();
        let pidfd = PidFd::open(Pid::new(i32::try_from(child.id()).unwrap()).unwrap()).unwrap();
        let handle = pidfd.handle().unwrap();
        child.wait().unwrap();
        assert!(pidfd.is_dead());
        // Once it is reaped, its handle leads nowhere, from whatever pidfd (ESTALE).
        let own = PidFd::open(Pid::this_process()).unwrap();
        assert!(matches!(own.reopen(&handle), Ok(Reopened::Gone)));
        let info = pidfd.reaping_within(0).exit_info();
        assert_eq!(info.and_then(ExitInfo::exit_status), Some(7));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no system calls in assembly")]
    fn only_a_pidfd_is_taken_for_one() {
        let null = rustix::fs::open(c"/dev/null", OFlags::RDONLY, Mode::empty()).unwrap();
        assert!(PidFd::from_fd(null).is_none());
        let own = PidFd::open(Pid::this_process()).unwrap();
        assert!(PidFd::from_fd(own.0).is_some());
    }
}
