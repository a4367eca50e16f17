//! The kernel's table of dispositions, rt_sigaction(2), and its clock.
#![expect(unsafe_code, reason = "rt_sigaction(2)")]

use core::ffi::c_int;
use core::ptr;

use rustix::thread::Timespec;
use syscalls::{Sysno, raw_syscall};

use crate::disposition::Disposition;

/// The disposition of a signal; `None` when it can have none.
pub(crate) fn get(signal: c_int) -> Option<Disposition> {
    rt_sigaction(signal, ptr::null())
}

/// Sets it, and gives the one that was.
pub(crate) fn swap(signal: c_int, new: &Disposition) -> Option<Disposition> {
    rt_sigaction(signal, new)
}

/// Asks for the disposition and, unless `new` is null, sets it; `None` for a signal that has none.
fn rt_sigaction(signal: c_int, new: *const Disposition) -> Option<Disposition> {
    let mut old = Disposition::DEFAULT;
    // SAFETY: the kernel reads one disposition, or none when `new` is null, and writes another; the handlers that
    // we set are functions of the type that the flags say, and the others were the daemon's own.
    let answer = unsafe {
        raw_syscall!(
            Sysno::rt_sigaction,
            signal,
            new,
            &raw mut old,
            size_of::<u64>()
        )
    };
    (answer == 0).then_some(old)
}

/// Waits for a millisecond, or until a signal comes.
pub(crate) fn pause() {
    let millisecond = Timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    let _ = rustix::thread::nanosleep(&millisecond);
}
