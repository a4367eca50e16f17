//! What our own children have used, which the kernel adds to what the daemon's children have (getrusage(2),
//! `RUSAGE_CHILDREN`) when they are reaped: it is taken out of what the daemon is told.
#![expect(unsafe_code, reason = "getrusage(2), as the kernel has it")]

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use libc::{RUSAGE_CHILDREN, rusage, timeval};
use pidward_identity::pid::Pid;
use syscalls::{Sysno, raw_syscall};

use crate::{memory, seccomp};

/// Microseconds.
const SECOND: i64 = 1_000_000;

/// The sums in it, times in microseconds.
type Sums = [i64; 8];

/// The process whose children used it: the children of one that it has forked since are others.
static PARENT: AtomicI32 = AtomicI32::new(0);
static USED: [AtomicI64; 8] = [const { AtomicI64::new(0) }; 8];
/// What the daemon's own children had when the last of ours was reaped: page faults, and the largest resident set in KiB.
static FAULTS: AtomicI64 = AtomicI64::new(0);
static LARGEST: AtomicI64 = AtomicI64::new(0);

/// What the kernel said of all children, right before one of ours is reaped.
pub(crate) struct Before(rusage);

impl Before {
    pub(crate) fn reaping() -> Self {
        Self(of_children())
    }

    /// One of ours was reaped, and had used this.
    pub(crate) fn add(self, used: &rusage) {
        if memory::is_borrowed() {
            return;
        }
        let process = Pid::this_process().get();
        if PARENT.swap(process, Ordering::Relaxed) != process {
            USED.iter().for_each(|sum| sum.store(0, Ordering::Relaxed));
        }
        let (before, after) = (sums(&self.0), sums(&of_children()));
        let mut daemons = self.0;
        as_without_us(&mut daemons);
        FAULTS.store(daemons.ru_minflt, Ordering::Relaxed);
        LARGEST.store(daemons.ru_maxrss, Ordering::Relaxed);
        for (((sum, ours), before), after) in USED.iter().zip(sums(used)).zip(before).zip(after) {
            // The kernel adds nanoseconds, so that the sum may grow by a microsecond more. By still more, when another
            // thread has reaped a child meanwhile.
            let grown = after.saturating_sub(before);
            sum.fetch_add(grown.clamp(ours, ours.saturating_add(1)), Ordering::Relaxed);
        }
    }
}

/// Whether the calling process has had children of ours.
pub(crate) fn is_ours_too() -> bool {
    let parent = PARENT.load(Ordering::Relaxed);
    parent != 0 && !seccomp::filtered() && parent == Pid::this_process().get()
}

/// Takes ours out of what the kernel says of all children.
pub(crate) fn as_without_us(used: &mut rusage) {
    if !is_ours_too() {
        return;
    }
    let mut daemons = sums(used);
    for (figure, ours) in daemons.iter_mut().zip(&USED) {
        *figure = figure.saturating_sub(ours.load(Ordering::Relaxed)).max(0);
    }
    set_sums(used, daemons);
    // Of largest ones there is no difference to be had. Ours have the daemon's memory, and so has what it forks; so
    // this is about right as soon as it has had a child since, none of which gets by without a page fault.
    if used.ru_minflt == FAULTS.load(Ordering::Relaxed) {
        used.ru_maxrss = LARGEST.load(Ordering::Relaxed);
    }
}

/// The processor time of the daemon's own children, in user mode and in the kernel, in microseconds.
pub(crate) fn times_of_children() -> [i64; 2] {
    let mut used = of_children();
    as_without_us(&mut used);
    [microseconds(used.ru_utime), microseconds(used.ru_stime)]
}

fn of_children() -> rusage {
    let mut used = MaybeUninit::<rusage>::zeroed();
    // SAFETY: the kernel writes one of it (getrusage(2)).
    unsafe { raw_syscall!(Sysno::getrusage, RUSAGE_CHILDREN, used.as_mut_ptr()) };
    // SAFETY: zeros are valid, and so is what the kernel writes over them.
    unsafe { used.assume_init() }
}

fn sums(used: &rusage) -> Sums {
    [
        microseconds(used.ru_utime),
        microseconds(used.ru_stime),
        used.ru_minflt,
        used.ru_majflt,
        used.ru_inblock,
        used.ru_oublock,
        used.ru_nvcsw,
        used.ru_nivcsw,
    ]
}

fn set_sums(used: &mut rusage, sums: Sums) {
    let [
        user,
        system,
        minflt,
        majflt,
        inblock,
        oublock,
        nvcsw,
        nivcsw,
    ] = sums;
    used.ru_utime = time(user);
    used.ru_stime = time(system);
    used.ru_minflt = minflt;
    used.ru_majflt = majflt;
    used.ru_inblock = inblock;
    used.ru_oublock = oublock;
    used.ru_nvcsw = nvcsw;
    used.ru_nivcsw = nivcsw;
}

fn microseconds(time: timeval) -> i64 {
    time.tv_sec
        .saturating_mul(SECOND)
        .saturating_add(time.tv_usec)
}

fn time(microseconds: i64) -> timeval {
    timeval {
        tv_sec: microseconds.wrapping_div(SECOND),
        tv_usec: microseconds.wrapping_rem(SECOND),
    }
}
