//! Asks the kernel all that a verdict needs, once: the pidfile, the process it names, the record beside it.

use core::ffi::CStr;

use arrayvec::ArrayVec;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::lock;
use crate::pid::{NotAPid, Pid};
use crate::pidfd::{PidFd, Reopened};
use crate::pidfile::{Look, NoLook, Pidfile, is_regular};
use crate::process::{BootId, ClockTicks, MachineId, PidNs, ProcDir, start_of_day};
use crate::read;
use crate::record::{self, Record};
use crate::trust;

/// The name that a guard goes by in ps(1): pidward's own processes are nobody's daemon.
pub const GUARD_COMM: &CStr = c"pidward: guard";

/// A process that started this much later than its pidfile was written, in seconds, is younger than it: the
/// file's time may lag by a tick, and a start counts whole seconds here.
const YOUNGER_BY: i64 = 2;

/// What the pidfile holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// There is no pidfile.
    Missing,
    /// It is no regular file.
    NotRegular,
    /// It cannot be read.
    Unreadable(Errno),
    /// It names no process.
    NoPid(NotAPid),
    /// It names a process.
    Pid(Pid),
}

/// What kind of thing has the number that the pidfile holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A process of user space.
    Process,
    /// A thread of a process with another number, or of the kernel.
    Thread,
    /// A guard of pidward's.
    Pidward,
}

/// What lives under the number that the pidfile holds.
#[derive(Clone, Debug)]
pub struct Living {
    /// What it is.
    pub kind: Kind,
    /// Its command name.
    pub comm: ArrayVec<u8, 16>,
    /// When it started.
    pub start: ClockTicks,
    /// Its effective user; `None` when we may not see it.
    pub uid: Option<u32>,
    /// It started after the pidfile was written.
    pub younger_than_file: bool,
    /// Everybody who could have written the pidfile may speak for it.
    pub trusted: bool,
}

/// What proves that the process is the recorded one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// The recorded file handle leads to it.
    Handle,
    /// Its pidfd has the recorded inode.
    Inode,
    /// It started at the recorded tick of the recorded boot.
    Start,
}

/// What the record says of the process that has the number now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// There is no record that counts.
    Nothing,
    /// It is the recorded one.
    Same(Proof),
    /// The recorded one is another, and dead.
    Another,
    /// The recorded one lived under another boot of this machine.
    OtherBoot,
    /// The recorded one lives or lived where we cannot look.
    Elsewhere,
}

/// All that a verdict is made of.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What the pidfile holds.
    pub claim: Claim,
    /// What lives under that number; `None` when nothing does, or what did is dead.
    pub living: Option<Living>,
    /// What the record says.
    pub recorded: Recorded,
}

impl Evidence {
    /// Looks at the pidfile, at what it names and at its record.
    #[must_use]
    pub fn gather(pidfile: &Pidfile<'_>) -> Self {
        Self::gather_with_record(pidfile, &mut [0; record::TEXT_MAX]).0
    }

    /// As [`Evidence::gather`], and gives the record too, if there is one that counts and speaks of the
    /// pidfile as it is. The buffer takes its text.
    #[must_use]
    pub fn gather_with_record<'b>(
        pidfile: &Pidfile<'_>,
        buffer: &'b mut [u8; record::TEXT_MAX],
    ) -> (Self, Option<Record<'b>>) {
        let nothing = |claim| {
            let evidence = Self {
                claim,
                living: None,
                recorded: Recorded::Nothing,
            };
            (evidence, None)
        };
        let look = match pidfile.look() {
            Ok(look) => look,
            Err(NoLook::Missing) => return nothing(Claim::Missing),
            Err(NoLook::NotRegular) => return nothing(Claim::NotRegular),
            Err(NoLook::Unreadable(error)) => return nothing(Claim::Unreadable(error)),
        };
        match look.pid {
            Err(no_pid) => nothing(Claim::NoPid(no_pid)),
            Ok(pid) => {
                let pidfd = PidFd::open(pid).ok();
                let living = living(pidfile, &look, pid, pidfd.as_ref());
                let (recorded, record) = recorded(pidfile, &look, pid, pidfd.as_ref(), buffer);
                let evidence = Self {
                    claim: Claim::Pid(pid),
                    living,
                    recorded,
                };
                (evidence, record)
            }
        }
    }
}

/// What lives under the number that the pidfile holds, looked at between two looks at one descriptor of it.
pub fn living(
    pidfile: &Pidfile<'_>,
    look: &Look,
    pid: Pid,
    pidfd: Option<&PidFd>,
) -> Option<Living> {
    let seen = seen_in_proc(pidfile, look, pid);
    match pidfd {
        Some(pidfd) if pidfd.is_dead() => None,
        // It lives, and /proc does not show it to us (proc(5), hidepid): that it lives is all we know.
        Some(_) => Some(seen.unwrap_or(UNSEEN)),
        // A thread, which has no pidfd of its own, or a kernel before 5.3.
        None => seen.or_else(|| exists(pid).then_some(UNSEEN)),
    }
}

/// A process of which we may see nothing.
const UNSEEN: Living = Living {
    kind: Kind::Process,
    comm: ArrayVec::new_const(),
    start: ClockTicks(0),
    uid: None,
    younger_than_file: false,
    trusted: false,
};

/// Whether the number is taken, kill(2) with signal 0.
fn exists(pid: Pid) -> bool {
    rustix::process::test_kill_process(pid.into()) != Err(Errno::SRCH)
}

/// What /proc shows of the process.
fn seen_in_proc(pidfile: &Pidfile<'_>, look: &Look, pid: Pid) -> Option<Living> {
    let proc = ProcDir::open(pid).ok()?;
    let (comm, start, kernel_thread) = proc.stat(|stat| {
        (
            stat.comm
                .iter()
                .copied()
                .take(16)
                .collect::<ArrayVec<u8, 16>>(),
            stat.start,
            stat.kernel_thread,
        )
    })?;
    let kind = if kernel_thread || proc.is_thread(pid)? {
        Kind::Thread
    } else if comm.as_slice() == GUARD_COMM.to_bytes() {
        Kind::Pidward
    } else {
        Kind::Process
    };
    let credentials = proc.credentials()?;
    Some(Living {
        kind,
        comm,
        start,
        uid: Some(credentials.uid),
        younger_than_file: is_younger(start, look),
        trusted: trust::speaks_for(pidfile, look, &credentials),
    })
}

/// Whether a process that started then is younger than the pidfile, so that the file hardly means it.
#[must_use]
pub fn is_younger(start: ClockTicks, look: &Look) -> bool {
    start_of_day(start) > look.written.seconds.saturating_add(YOUNGER_BY)
}

/// What the record says of the process, and the record.
fn recorded<'b>(
    pidfile: &Pidfile<'_>,
    look: &Look,
    pid: Pid,
    pidfd: Option<&PidFd>,
    buffer: &'b mut [u8],
) -> (Recorded, Option<Record<'b>>) {
    let Some(file) = open_record(pidfile, look) else {
        return (Recorded::Nothing, None);
    };
    let record = read::up_to(file.as_fd(), buffer)
        .ok()
        .and_then(|text| Record::parse(text).ok())
        .filter(|record| record.is_of(look));
    let recorded = record.as_ref().map_or(Recorded::Nothing, |record| {
        compare(record, &file, pid, pidfd)
    });
    (recorded, record)
}

/// The record, when it is one that counts: of root's, the caller's, or the pidfile's user's.
fn open_record(pidfile: &Pidfile<'_>, look: &Look) -> Option<OwnedFd> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let name = pidfile.record_name()?;
    let file =
        rustix::fs::openat(pidfile.directory(), name.as_c_str(), flags, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&file).ok()?;
    let counts = [0, rustix::process::geteuid().as_raw(), look.uid].contains(&stat.st_uid);
    (is_regular(&stat) && counts).then_some(file)
}

fn compare(record: &Record<'_>, file: &OwnedFd, pid: Pid, pidfd: Option<&PidFd>) -> Recorded {
    let same_boot = BootId::current() == Some(record.boot);
    let same_namespace = PidNs::current() == Some(record.pid_ns);
    if same_boot && same_namespace {
        return compare_process(record, pid, pidfd);
    }
    // Another boot id is proof only on the machine that was recorded, and a held lock says that its guard
    // lives: then the file is shared with another machine or namespace.
    let same_machine = record.machine.is_some() && record.machine == MachineId::current();
    if !same_boot && same_machine && lock::is_held(file) == Ok(false) {
        Recorded::OtherBoot
    } else {
        Recorded::Elsewhere
    }
}

/// The best proof that this kernel offers, in the order of [`Proof`].
fn compare_process(record: &Record<'_>, pid: Pid, pidfd: Option<&PidFd>) -> Recorded {
    let same = |is_same, proof| {
        if is_same {
            Recorded::Same(proof)
        } else {
            Recorded::Another
        }
    };
    if let (Some(handle), Some(pidfd)) = (&record.handle, pidfd) {
        match pidfd.reopen(handle) {
            Ok(Reopened::Gone) => return Recorded::Another,
            Ok(Reopened::Process(meant)) => {
                return same(meant.inode() == pidfd.inode(), Proof::Handle);
            }
            Err(_) => {}
        }
    }
    match pidfd.map_or(0, PidFd::inode) {
        inode if inode != 0 && record.pidfd != 0 => same(inode == record.pidfd, Proof::Inode),
        _ => {
            let start = ProcDir::open(pid)
                .ok()
                .and_then(|proc| proc.stat(|stat| stat.start));
            // Without a start time it is dead, or hidden from us: neither says that it is another.
            start.map_or(Recorded::Nothing, |start| {
                same(start == record.start, Proof::Start)
            })
        }
    }
}
