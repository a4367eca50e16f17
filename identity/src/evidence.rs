//! Asks the kernel all that a verdict needs, once: the pidfile, the process it names, the record beside it.

use core::cell::OnceCell;
use core::ffi::CStr;

use arrayvec::ArrayVec;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::path::DecInt;

use crate::below::{self, Below, Left};
use crate::lock;
use crate::mount;
use crate::owner::Owner;
use crate::pid::{NotAPid, Pid};
use crate::pidfd::{PidFd, Reopened};
use crate::pidfile::{Look, NoLook, Pidfile, Version, is_regular};
use crate::proc_stat;
use crate::process::{
    BootId, ClockTicks, Credentials, MachineId, PidNs, Proc, ProcDir, start_of_day,
};
use crate::read;
use crate::record::{self, Record};
use crate::trust::Writers;

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
    /// A symbolic link of this user's is on its path, and is not followed.
    BehindLink(u32),
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
    /// A guard of pidward's, or the asking process itself.
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
    /// There is one, and it cannot be read: whoever it means.
    Unreadable(Errno),
    /// It is the recorded one.
    Same(Proof),
    /// The recorded one is dead, whether or not another has the number.
    Another,
    /// The recorded one lived under another boot, or in another PID namespace, or on another machine.
    Abroad(Abroad),
}

/// What is known of a recorded process that is none of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abroad {
    /// It was recorded under this boot.
    pub this_boot: bool,
    /// A process here is like the recorded one in all that a boot gives anew: number, start, pidfd; and a mount hides the boot's
    /// identity from us. It may be that one.
    pub is_alike: bool,
    /// We cannot tell under which boot or in which PID namespace we are ourselves, so neither who is elsewhere.
    pub is_lost: bool,
    /// It was recorded on this machine. Where one of the two has no identity, it was not.
    pub this_machine: bool,
    /// A guard holds its locks on the record, or somebody has one that could be a guard's.
    pub guarded: bool,
    /// Who is left in its PID namespace.
    pub left: Left,
}

/// What the kernel offers beyond /proc. Found out at run time; what is taken away here is not used, for a test of what
/// older kernels come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offered {
    /// File handles of pidfds, since Linux 6.14.
    pub handle: bool,
    /// Inodes of pidfds, since 6.9.
    pub inode: bool,
    /// What a pidfd tells of its process's user, since 6.13.
    pub info: bool,
    /// Pidfds, since 5.3.
    pub pidfd: bool,
}

impl Offered {
    /// Whatever the kernel has.
    pub const ALL: Self = Self {
        handle: true,
        inode: true,
        info: true,
        pidfd: true,
    };

    fn pidfd_of(self, pid: Pid) -> Result<PidFd, Errno> {
        if self.pidfd {
            PidFd::open(pid)
        } else {
            Err(Errno::NOSYS)
        }
    }
}

/// What is asked of a pidfile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// What may be used for the answer.
    pub offered: Offered,
    /// The user himself named the file.
    pub named: bool,
}

impl Question {
    /// Of a file that the user named, with all that the kernel offers.
    pub const OF_THE_USER: Self = Self {
        offered: Offered::ALL,
        named: true,
    };
}

/// What is around a pidfile: processes, other PID namespaces, and who has its directory mounted too. Some answers take a
/// look at every process, so who looks at many pidfiles may remember them; what it answers has to be true of the time
/// since the pidfile was last changed.
pub trait Around {
    /// See [`Proc::open`]; `None` where it fails.
    fn proc(&self) -> Option<&Proc>;
    /// See [`mount::is_shared`].
    fn is_shared(&self, pidfile: &Pidfile<'_>, look: &Look) -> bool;
    /// See [`below::goes_by`].
    fn goes_by(&self, number: Pid, look: &Look) -> Below;
    /// See [`below::left_in`].
    fn left_in(&self, namespace: PidNs, look: &Look) -> Left;
}

/// What is around it now.
#[derive(Default, Debug)]
pub struct Now(OnceCell<Option<Proc>>);

impl Around for Now {
    fn proc(&self) -> Option<&Proc> {
        self.0.get_or_init(|| Proc::open().ok()).as_ref()
    }

    fn is_shared(&self, pidfile: &Pidfile<'_>, look: &Look) -> bool {
        mount::is_shared(pidfile, look)
    }

    fn goes_by(&self, number: Pid, _: &Look) -> Below {
        below::goes_by(number)
    }

    fn left_in(&self, namespace: PidNs, _: &Look) -> Left {
        below::left_in(namespace)
    }
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
    /// The user himself named the file.
    pub named: bool,
    /// Others see the file too: other machines, or other PID namespaces. Looked for only where it matters.
    pub shared: bool,
    /// Whether a process in a PID namespace below ours goes by the number there. Likewise.
    pub below: Below,
}

/// What was found, and what it was found of.
#[derive(Debug)]
pub struct Gathered<'b> {
    /// The evidence.
    pub evidence: Evidence,
    /// The record, if there is one that counts and speaks of the pidfile as it is.
    pub record: Option<Record<'b>>,
    /// The living process that has the number, the one that was looked at.
    pub owner: Option<Owner>,
    /// Who, besides root and the caller, can change the pidfile, its record, or the path to them.
    pub writers: Writers,
    /// The pidfile as it was looked at, if it names a process.
    pub version: Option<Version>,
}

impl Evidence {
    /// Of the pidfile alone: of no process, and of no record.
    #[must_use]
    pub const fn of_claim(claim: Claim, named: bool) -> Self {
        Self {
            claim,
            living: None,
            recorded: Recorded::Nothing,
            named,
            shared: false,
            below: Below::Nobody,
        }
    }

    /// Looks at the pidfile, at what it names and at its record, once. The buffer takes the record's text.
    #[must_use]
    pub fn gather<'b>(
        pidfile: &Pidfile<'_>,
        question: Question,
        around: &impl Around,
        buffer: &'b mut [u8; record::TEXT_MAX],
    ) -> Gathered<'b> {
        let claim = match pidfile.look() {
            Ok(look) => match look.pid {
                Ok(pid) => return gather_of(pidfile, &look, pid, (question, around), buffer),
                Err(no_pid) => Claim::NoPid(no_pid),
            },
            Err(NoLook::Missing) => Claim::Missing,
            Err(NoLook::NotRegular) => Claim::NotRegular,
            Err(NoLook::Unreadable(error)) => Claim::Unreadable(error),
        };
        Gathered {
            evidence: Self::of_claim(claim, question.named),
            record: None,
            owner: None,
            writers: Writers::NOBODY,
            version: None,
        }
    }
}

fn gather_of<'b>(
    pidfile: &Pidfile<'_>,
    look: &Look,
    pid: Pid,
    (question, around): (Question, &impl Around),
    buffer: &'b mut [u8],
) -> Gathered<'b> {
    let Question { offered, named } = question;
    let mut writers = pidfile.writers(look);
    let read = read_record(pidfile, look, &mut writers, buffer);
    let pidfd = offered.pidfd_of(pid);
    let is_free = matches!(pidfd, Err(Errno::SRCH));
    let pidfd = pidfd.ok();
    let number = || Number {
        pid,
        pidfd: pidfd.as_ref(),
        info: offered.info,
        proc: around.proc(),
    };
    let living = (!is_free)
        .then(number)
        .and_then(|it| living(look, &writers, &it));
    let recorded = match &read {
        Ok(Some((record, file))) if !is_of_ours(record, file) => {
            let compared = compare(record, living.as_ref(), pidfd.as_ref(), offered);
            let is_alike = matches!(compared, Recorded::Same(_))
                && living
                    .as_ref()
                    .is_some_and(|it| it.start.is_same(record.start));
            if is_alike && is_damaged(record) {
                compared
            } else {
                let left = |namespace| around.left_in(namespace, look);
                Recorded::Abroad(Abroad {
                    is_alike: is_alike
                        && BootId::is_hidden()
                        && PidNs::current() == Some(record.pid_ns),
                    ..abroad(record, file, left)
                })
            }
        }
        Ok(Some((record, _))) => compare(record, living.as_ref(), pidfd.as_ref(), offered),
        Ok(None) => Recorded::Nothing,
        Err(error) => Recorded::Unreadable(*error),
    };
    let unproven = living.is_none() && recorded == Recorded::Nothing;
    let is_abroad = matches!(recorded, Recorded::Abroad(_));
    let owner = living.as_ref().and_then(|living| match pidfd {
        _ if living.kind == Kind::Thread => None,
        Some(pidfd) => Some(Owner::Held(pidfd)),
        // Of a process that we may not see, nothing tells it from the next one.
        None => living.uid.map(|_| Owner::Numbered(pid, living.start)),
    });
    Gathered {
        evidence: Evidence {
            claim: Claim::Pid(pid),
            living,
            recorded,
            named,
            shared: (unproven || is_abroad) && around.is_shared(pidfile, look),
            below: match unproven {
                true => around.goes_by(pid, look),
                false => Below::Nobody,
            },
        },
        record: read.ok().flatten().map(|(record, _)| record),
        owner,
        writers,
        version: Some(look.version()),
    }
}

/// A number, and what there is to ask about it.
#[derive(Debug)]
pub struct Number<'p> {
    /// The number.
    pub pid: Pid,
    /// The process that has it, held for as long as the look takes.
    pub pidfd: Option<&'p PidFd>,
    /// Whether the pidfd may be asked for its user.
    pub info: bool,
    /// Where it may be looked for.
    pub proc: Option<&'p Proc>,
}

/// What lives under the number that the pidfile holds.
#[must_use]
pub fn living(look: &Look, writers: &Writers, number: &Number<'_>) -> Option<Living> {
    let seen = seen_in_proc(look, writers, number);
    let unseen = || Living {
        trusted: writers.speak_for(None),
        ..UNSEEN
    };
    match (number.pidfd, seen) {
        // Its pidfd was asked last: it had the number until then, and what was seen was its own.
        (Some(_), Some(seen)) if seen.by_pidfd && !seen.is_dead => Some(seen.living),
        (Some(pidfd), _) if pidfd.is_dead() => None,
        // It lives, and /proc does not show it to us (proc(5), hidepid): that it lives is all we know.
        (Some(_), seen) => Some(seen.map_or_else(unseen, |seen| seen.living)),
        // A thread, which has no pidfd of its own, or a kernel before 5.3.
        (None, Some(seen)) => (!seen.is_dead).then_some(seen.living),
        (None, None) => exists(number.pid).then(unseen),
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

/// What /proc shows of what has the number.
struct Seen {
    living: Living,
    /// It is dead and waits to be reaped, or its first thread is.
    is_dead: bool,
    /// Whose it is, its pidfd has told, after all else was seen.
    by_pidfd: bool,
}

fn seen_in_proc(look: &Look, writers: &Writers, number: &Number<'_>) -> Option<Seen> {
    let (pid, proc) = (number.pid, number.proc?);
    let look_at = |stat: proc_stat::Stat<'_>| {
        let comm = stat.comm.iter().copied().take(16);
        let comm: ArrayVec<u8, 16> = comm.collect();
        (comm, stat.start, stat.kernel_thread, stat.is_dead())
    };
    // The pidfd tells whose it is at a lower price than /proc does; and there is none of a thread.
    let asked = number
        .pidfd
        .filter(|_| number.info && !writers.has_groups());
    let told = asked.and_then(|pidfd| Some((proc.stat(pid, look_at)?, pidfd.users_and_group()?)));
    let by_pidfd = told.is_some();
    let ((comm, start, kernel_thread, is_dead), credentials, is_thread) =
        if let Some((seen, (users, gid))) = told {
            (seen, Credentials::of(users, gid), false)
        } else {
            let process = proc.process(pid).ok()?;
            let seen = process.stat(look_at)?;
            let (credentials, group) = process.credentials_and_group()?;
            (seen, credentials, u64::try_from(pid.get()) != Ok(group))
        };
    let is_own = pid == proc.own() || comm.as_slice() == GUARD_COMM.to_bytes();
    let kind = if kernel_thread || is_thread {
        Kind::Thread
    } else if is_own {
        Kind::Pidward
    } else {
        Kind::Process
    };
    let living = Living {
        kind,
        comm,
        start,
        uid: Some(credentials.uid),
        younger_than_file: is_younger(start, look),
        trusted: writers.speak_for(Some(&credentials)),
    };
    Some(Seen {
        living,
        is_dead,
        by_pidfd,
    })
}

/// Whether a process that started then is younger than the pidfile, so that the file hardly means it.
#[must_use]
pub fn is_younger(start: ClockTicks, look: &Look) -> bool {
    start_of_day(start) > look.written.seconds.saturating_add(YOUNGER_BY)
}

/// The record, if it counts and speaks of the pidfile as it is; and its file. Who can write it is added to the writers.
///
/// # Errors
/// Why it cannot be read, where there is one that may count.
fn read_record<'b>(
    pidfile: &Pidfile<'_>,
    look: &Look,
    writers: &mut Writers,
    buffer: &'b mut [u8],
) -> Result<Option<(Record<'b>, OwnedFd)>, Errno> {
    let Some((file, stat)) = open_record(pidfile, look)? else {
        return Ok(None);
    };
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let text = read::sized(file.as_fd(), size, buffer)?;
    let record = Record::parse(text).ok().filter(|it| it.is_of(look));
    if record.is_some() {
        writers.add_file(file.as_fd(), (stat.st_uid, stat.st_gid, stat.st_mode));
    }
    Ok(record.map(|record| (record, file)))
}

/// The record, when it is one that counts: of root's, the caller's, or the pidfile's user's.
fn open_record(pidfile: &Pidfile<'_>, look: &Look) -> Result<Option<(OwnedFd, Stat)>, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Some(name) = pidfile.record_name() else {
        return Ok(None);
    };
    let own = || rustix::process::geteuid().as_raw();
    let counts = |stat: &Stat| is_regular(stat) && [0, own(), look.uid].contains(&stat.st_uid);
    let opened = rustix::fs::openat(pidfile.directory(), name.as_c_str(), flags, Mode::empty());
    match opened {
        Ok(file) => {
            let stat = rustix::fs::fstat(&file)?;
            Ok(counts(&stat).then_some((file, stat)))
        }
        Err(Errno::NOENT) => Ok(None),
        // Whoever can add to the directory can put something there that nobody else may read; and a guard makes its record for
        // itself alone, empty, until it has locked it.
        Err(error) => {
            let way = AtFlags::SYMLINK_NOFOLLOW;
            match rustix::fs::statat(pidfile.directory(), name.as_c_str(), way) {
                Err(Errno::NOENT) => Ok(None),
                Ok(stat) if !counts(&stat) || stat.st_size == 0 => Ok(None),
                Ok(_) | Err(_) => Err(error),
            }
        }
    }
}

/// Whether it was recorded where we are: under this boot, in this PID namespace.
///
/// A mount can have the guard see another identity of the boot than we do: containers of LXC and systemd-nspawn have one of
/// their own over /proc, and a /proc that a unit's sandbox mounts anew has not. Then the guard tells, if it lives here.
fn is_of_ours(record: &Record<'_>, file: &OwnedFd) -> bool {
    PidNs::current() == Some(record.pid_ns)
        && (BootId::current() == Some(record.boot) || has_its_guard_here(record, file))
}

/// Whether one byte makes all the difference between where it was recorded and where we are: so far apart are no two boots, and
/// namespaces that are have no process in common.
fn is_damaged(record: &Record<'_>) -> bool {
    let apart = |one: &[u8], other: &[u8]| {
        let apart = one.iter().zip(other).filter(|(one, other)| one != other);
        one.len()
            .abs_diff(other.len())
            .saturating_add(apart.count())
    };
    let (Some(boot), Some(pid_ns)) = (BootId::current(), PidNs::current()) else {
        return false;
    };
    let text = |namespace: PidNs| DecInt::new(namespace.0);
    let namespaces = (text(pid_ns), text(record.pid_ns));
    let of_namespaces = apart(namespaces.0.as_bytes(), namespaces.1.as_bytes());
    apart(&boot.0, &record.boot.0).saturating_add(of_namespaces) <= 1
}

fn has_its_guard_here(record: &Record<'_>, file: &OwnedFd) -> bool {
    let is_guard = |process: ProcDir| {
        process.stat(|stat| !stat.is_dead() && stat.comm == GUARD_COMM.to_bytes()) == Some(true)
    };
    lock::is_held(file) == Ok(true) && ProcDir::open(record.guard).is_ok_and(is_guard)
}

fn abroad(record: &Record<'_>, file: &OwnedFd, left_in: impl FnOnce(PidNs) -> Left) -> Abroad {
    let this_boot = BootId::current() == Some(record.boot);
    Abroad {
        this_boot,
        this_machine: record.machine.is_some() && record.machine == MachineId::current(),
        is_alike: false,
        is_lost: BootId::current().is_none() || PidNs::current().is_none(),
        // What cannot be asked may be held.
        guarded: lock::may_be_held(file) != Ok(false),
        left: if this_boot {
            left_in(record.pid_ns)
        } else {
            Left::Unseen
        },
    }
}

/// What the record says of the process: by the best proof that there is, in the order of [`Proof`], or by two of all three.
/// One damaged byte does not make it another process, nor another one it.
fn compare(
    record: &Record<'_>,
    living: Option<&Living>,
    pidfd: Option<&PidFd>,
    offered: Offered,
) -> Recorded {
    let Some(living) = living else {
        return Recorded::Another;
    };
    let inode = pidfd.map_or(0, PidFd::inode);
    let by_handle = record
        .handle
        .as_ref()
        .zip(pidfd)
        .filter(|_| offered.handle)
        .and_then(|(handle, pidfd)| match pidfd.reopen(handle) {
            Ok(Reopened::Gone) => Some(false),
            // Where one of them cannot be told, they are not alike and not different.
            Ok(Reopened::Process(meant)) => {
                let of_both = (inode != 0).then(|| meant.inode()).filter(|&it| it != 0);
                of_both.map(|meant| meant == inode)
            }
            Err(_) => None,
        });
    let by_inode =
        (offered.inode && inode != 0 && record.pidfd != 0).then_some(inode == record.pidfd);
    // Of a process that we may not see, nothing says that it is another.
    let by_start = living.uid.map(|_| living.start.is_same(record.start));
    let all = [
        (by_handle, Proof::Handle),
        (by_inode, Proof::Inode),
        (by_start, Proof::Start),
    ];
    let known = || {
        all.iter()
            .filter_map(|&(is_same, proof)| Some((is_same?, proof)))
    };
    let same = || known().filter(|&(is_same, _)| is_same);
    let is_same = match known().count() {
        3 => same().count() >= 2,
        _ => known().next().is_some_and(|(is_same, _)| is_same),
    };
    match (is_same, same().next()) {
        (true, Some((_, proof))) => Recorded::Same(proof),
        _ if known().next().is_none() => Recorded::Nothing,
        _ => Recorded::Another,
    }
}
