//! What makes a process that process: start time, boot, PID namespace; and under whose rights it runs.

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI64, Ordering};

use arrayvec::ArrayVec;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;
use rustix::path::DecInt;
use rustix::time::ClockId;

use crate::pid::{Pid, decimal, signed};
use crate::proc_stat::{self, Stat};
use crate::read;

/// A time since boot in clock ticks, `sysconf(_SC_CLK_TCK)` of them a second, as the first time namespace counts it;
/// there, field 22 of `proc_pid_stat(5)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClockTicks(pub u64);

impl ClockTicks {
    /// Clock ticks a second as /proc counts them: `USER_HZ`, 100 on every architecture that this is built for
    /// (include/asm-generic/param.h).
    pub const PER_SECOND: u64 = 100;

    const NANOSECONDS: i64 = 10_000_000;

    /// The same time, of one that our time namespace counts.
    fn of_ours(ours: Self) -> Self {
        let offset = boottime_offset().div_euclid(Self::NANOSECONDS);
        let ticks = i64::try_from(ours.0).unwrap_or(i64::MAX);
        let ticks = ticks.saturating_sub(offset);
        Self(u64::try_from(ticks).unwrap_or_default())
    }

    /// Whether both are the same. In a time namespace that is off by parts of a tick they may differ by one.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        let inexact = boottime_offset().rem_euclid(Self::NANOSECONDS) != 0;
        self.0.abs_diff(other.0) <= u64::from(inexact)
    }
}

/// What our time namespace adds to the time since boot, `time_namespaces(7)`, in nanoseconds. Nobody moves a process of
/// pidward's to another one, so it is asked once.
fn boottime_offset() -> i64 {
    const UNKNOWN: i64 = i64::MIN;
    static OFFSET: AtomicI64 = AtomicI64::new(UNKNOWN);
    match OFFSET.load(Ordering::Relaxed) {
        UNKNOWN => {
            let offset = ask_boottime_offset();
            OFFSET.store(offset, Ordering::Relaxed);
            offset
        }
        offset => offset,
    }
}

fn ask_boottime_offset() -> i64 {
    let Some(file) = open(CWD, c"/proc/self/timens_offsets") else {
        return 0;
    };
    let mut offset = 0;
    let _ = read::lines::<128>(file.as_fd(), |line| {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        if words.next() != Some(b"boottime") {
            return true;
        }
        let mut number = || signed(words.next()?);
        if let (Some(seconds), Some(nanoseconds)) = (number(), number()) {
            offset = seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(nanoseconds);
        }
        false
    });
    offset
}

fn open(directory: impl AsFd, path: &CStr) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, path, flags, Mode::empty()).ok()
}

/// Which boot of the kernel: /proc/sys/kernel/random/boot_id, `proc_sys_kernel(5)`, 36 characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BootId(pub [u8; 36]);

impl BootId {
    /// The boot that is running; `None` without /proc.
    #[must_use]
    pub fn current() -> Option<Self> {
        first_bytes(Self::FILE).map(Self)
    }

    /// Whether a mount hides the kernel's identity of the boot from us, as containers of LXC and systemd-nspawn have one.
    #[must_use]
    pub fn is_hidden() -> bool {
        let kind = rustix::fs::statfs(Self::FILE).map(|it| it.f_type);
        kind.is_ok_and(|kind| kind != rustix::fs::PROC_SUPER_MAGIC)
    }

    const FILE: &CStr = c"/proc/sys/kernel/random/boot_id";
}

/// Which machine: /etc/machine-id, machine-id(5), 32 characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MachineId(pub [u8; 32]);

impl MachineId {
    /// This machine or container; `None` where it has no identity.
    #[must_use]
    pub fn current() -> Option<Self> {
        first_bytes(c"/etc/machine-id")
            .filter(|id| id.iter().all(u8::is_ascii_hexdigit))
            .map(Self)
    }
}

/// Which PID namespace: the inode of /proc/PID/ns/pid, `pid_namespaces(7)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PidNs(pub u64);

impl PidNs {
    /// The one that all others are below (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
    pub const FIRST: Self = Self(0xEFFF_FFFC);

    /// The namespace of the calling process; `None` without /proc.
    #[must_use]
    pub fn current() -> Option<Self> {
        rustix::fs::stat(c"/proc/self/ns/pid")
            .ok()
            .map(|stat| Self(stat.st_ino))
    }
}

fn first_bytes<const N: usize>(path: &CStr) -> Option<[u8; N]> {
    let file = open(CWD, path)?;
    let mut buffer = [0; N];
    (read::up_to(file.as_fd(), &mut buffer).ok()?.len() == N).then_some(buffer)
}

/// Whose rights a process has.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The effective user.
    pub uid: u32,
    /// It has another user's rights too, or can have them back: the real or the saved one is not the effective one.
    pub is_mixed: bool,
    /// Effective and supplementary groups; only the first of very many.
    pub groups: ArrayVec<u32, 64>,
}

impl Credentials {
    /// Of a process whose supplementary groups do not matter.
    #[must_use]
    pub fn of([real, effective, saved]: [u32; 3], gid: u32) -> Self {
        Self {
            uid: effective,
            is_mixed: real != effective || saved != effective,
            groups: core::iter::once(gid).collect(),
        }
    }
}

/// The directory /proc/PID of one process. It stays that process's: once the process has gone it reads
/// nothing, whoever may get the number next.
#[derive(Debug)]
pub struct ProcDir(OwnedFd);

impl ProcDir {
    /// Opens it.
    ///
    /// # Errors
    /// `NOENT` when there is no such process, or none that we may see (proc(5), hidepid).
    pub fn open(pid: Pid) -> Result<Self, Errno> {
        Proc::open()?.process(pid)
    }

    /// Hands what `/proc/PID/stat` says to the function; `None` when the process is gone.
    pub fn stat<T>(&self, then: impl FnOnce(Stat<'_>) -> T) -> Option<T> {
        stat(&open(&self.0, c"stat")?, then)
    }

    /// Hands the text of `/proc/PID/status` to the function; `None` when the process is gone.
    pub fn status<T>(&self, then: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let mut buffer = [0; 4096];
        let file = open(&self.0, c"status")?;
        read::in_one_piece(file.as_fd(), &mut buffer).ok().map(then)
    }

    /// Its effective user and groups; `None` when the process is gone.
    #[must_use]
    pub fn credentials(&self) -> Option<Credentials> {
        self.credentials_and_group()
            .map(|(credentials, _)| credentials)
    }

    /// The same, and the number of its thread group: that of a process is its own, that of a thread another.
    #[must_use]
    pub fn credentials_and_group(&self) -> Option<(Credentials, u64)> {
        self.status(|status| {
            let group = proc_stat::numbers(proc_stat::status_line(status, "Tgid")?).next()?;
            let id = |key, at| {
                let number = proc_stat::numbers(proc_stat::status_line(status, key)?).nth(at)?;
                u32::try_from(number).ok()
            };
            let user = |at| id("Uid", at);
            let users = [user(0)?, user(1)?, user(2)?];
            let mut credentials = Credentials::of(users, id("Gid", 1)?);
            let supplementary = proc_stat::status_line(status, "Groups").unwrap_or_default();
            for group in
                proc_stat::numbers(supplementary).filter_map(|group| u32::try_from(group).ok())
            {
                if credentials.groups.try_push(group).is_err() {
                    break;
                }
            }
            Some((credentials, group))
        })?
    }

    /// Its PID namespace; `None` when it is gone or we may not know.
    #[must_use]
    pub fn pid_namespace(&self) -> Option<PidNs> {
        let stat = rustix::fs::statat(&self.0, c"ns/pid", AtFlags::empty()).ok()?;
        Some(PidNs(stat.st_ino))
    }

    /// The numbers it goes by: in our PID namespace, and in each one below that it is in; `None` when it is gone.
    pub fn numbers<T>(&self, then: impl FnOnce(&mut dyn Iterator<Item = u64>) -> T) -> Option<T> {
        self.status(|status| {
            let line = proc_stat::status_line(status, "NSpid")?;
            Some(then(&mut proc_stat::numbers(line)))
        })?
    }

    /// Whether it has gone; asked without a descriptor.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        rustix::fs::statat(&self.0, c"status", AtFlags::empty()).is_err()
    }

    /// Why its status cannot be read.
    #[must_use]
    pub fn refusal(&self) -> Errno {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.0, c"status", flags, Mode::empty());
        // It can, and does not say what it was asked for.
        opened.err().unwrap_or(Errno::NODATA)
    }

    /// Its list of mounts, `proc_pid_mountinfo(5)`.
    #[must_use]
    pub fn mounts(&self) -> Option<OwnedFd> {
        open(&self.0, c"mountinfo")
    }

    /// The program it runs, as the link /proc/PID/exe names it; `None` when it is gone, we may not know, or
    /// the path does not fit.
    pub fn exe<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let room = buffer.len();
        let length = rustix::fs::readlinkat_raw(&self.0, c"exe", &mut *buffer).ok()?;
        buffer.get(..length).filter(|_| length < room)
    }
}

/// The number of the directory's descriptor, for paths through /proc/self/fd.
impl AsRawFd for ProcDir {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

fn stat<T>(file: &OwnedFd, then: impl FnOnce(Stat<'_>) -> T) -> Option<T> {
    let mut buffer = [0; 1024];
    let mut stat = Stat::parse(read::in_one_piece(file.as_fd(), &mut buffer).ok()?)?;
    stat.start = ClockTicks::of_ours(stat.start);
    Some(then(stat))
}

/// A /proc that shows our PID namespace, held open.
#[derive(Debug)]
pub struct Proc {
    directory: OwnedFd,
    own: Pid,
}

impl Proc {
    /// Opens it.
    ///
    /// # Errors
    /// What open(2) says. `NOENT` when it was mounted for another PID namespace, and has other processes under our numbers:
    /// `unshare --pid` alone leaves the old one.
    pub fn open() -> Result<Self, Errno> {
        Self::open_for(OFlags::PATH)
    }

    fn open_for(access: OFlags) -> Result<Self, Errno> {
        let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::openat(CWD, c"/proc", flags, Mode::empty())?;
        let mut number = [0; 16];
        let length = rustix::fs::readlinkat_raw(&proc, c"self", &mut number[..])?;
        let number = number.get(..length).and_then(decimal);
        let own = Pid::this_process();
        match number.is_some_and(|number| i64::try_from(number) == Ok(i64::from(own.get()))) {
            true => Ok(Self {
                directory: proc,
                own,
            }),
            false => Err(Errno::NOENT),
        }
    }

    /// The asking process.
    #[must_use]
    pub fn own(&self) -> Pid {
        self.own
    }

    /// Hands what `/proc/PID/stat` says of whatever has the number now to the function; `None` when nothing has.
    pub fn stat<T>(&self, pid: Pid, then: impl FnOnce(Stat<'_>) -> T) -> Option<T> {
        let mut path: ArrayVec<u8, 32> = ArrayVec::new();
        for part in [DecInt::new(pid.get()).as_bytes(), b"/stat\0"] {
            path.try_extend_from_slice(part).ok()?;
        }
        let file = open(&self.directory, CStr::from_bytes_with_nul(&path).ok()?)?;
        stat(&file, then)
    }

    /// The directory of one process.
    ///
    /// # Errors
    /// As of [`ProcDir::open`].
    pub fn process(&self, pid: Pid) -> Result<ProcDir, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let name = DecInt::new(pid.get());
        rustix::fs::openat(&self.directory, name, flags, Mode::empty()).map(ProcDir)
    }
}

/// Hands each process that we may see to the function, until it answers `false`.
///
/// # Errors
/// Why /proc cannot be listed.
pub fn each(mut then: impl FnMut(Pid, ProcDir) -> bool) -> Result<(), Errno> {
    let proc = Proc::open_for(OFlags::RDONLY)?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(&proc.directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let number = decimal(entry?.file_name().to_bytes());
        let number = number.and_then(|number| i32::try_from(number).ok());
        let Some(pid) = number.and_then(Pid::new) else {
            continue;
        };
        match proc.process(pid) {
            Ok(process) => {
                if !then(pid, process) {
                    break;
                }
            }
            // It may have just gone. Any other reason, as no descriptor to be had, says nothing of it.
            Err(Errno::NOENT | Errno::SRCH) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A process start as a time of the wall clock, milliseconds since the epoch: as [`start_of_day`], but no coarser than the
/// clock ticks.
#[must_use]
pub fn start_of_day_ms(start: ClockTicks) -> i64 {
    let now = |clock| {
        let time = rustix::time::clock_gettime(clock);
        time.tv_sec
            .saturating_mul(1000)
            .saturating_add(time.tv_nsec.div_euclid(1_000_000))
    };
    let since_boot = now(ClockId::Boottime).saturating_sub(boottime_offset().div_euclid(1_000_000));
    let started = start.0.saturating_mul(1000) / ClockTicks::PER_SECOND;
    now(ClockId::Realtime)
        .saturating_sub(since_boot)
        .saturating_add(i64::try_from(started).unwrap_or(i64::MAX))
}

/// A process start as a time of the wall clock, seconds since the epoch, by the clock as it stands now. Of
/// a clock that was stepped since, it is wrong by the step: evidence, not proof.
#[must_use]
pub fn start_of_day(start: ClockTicks) -> i64 {
    let since_epoch = rustix::time::clock_gettime(ClockId::Realtime).tv_sec;
    let since_boot = rustix::time::clock_gettime(ClockId::Boottime).tv_sec;
    let since_boot = since_boot.saturating_sub(boottime_offset().div_euclid(1_000_000_000));
    let started = i64::try_from(start.0 / ClockTicks::PER_SECOND).unwrap_or(i64::MAX);
    since_epoch
        .saturating_sub(since_boot)
        .saturating_add(started)
}
