//! The kernel's table of dispositions, rt_sigaction(2), and its clock.
#![expect(unsafe_code, reason = "rt_sigaction(2)")]

use core::ffi::c_int;
use core::ptr;

use rustix::thread::Timespec;
use syscalls::{Sysno, raw_syscall};

use crate::disposition::Disposition;

/// `struct sigaction` of include/linux/signal_types.h: a disposition as the kernel has it.
#[repr(C)]
pub(crate) struct Sigaction {
    handler: usize,
    flags: u64,
    /// Not on an architecture without SA_RESTORER.
    #[cfg(not(target_arch = "riscv64"))]
    restorer: usize,
    mask: u64,
}

impl Sigaction {
    pub(crate) const fn of(disposition: Disposition) -> Self {
        Self {
            handler: disposition.handler,
            flags: disposition.flags,
            #[cfg(not(target_arch = "riscv64"))]
            restorer: disposition.restorer,
            mask: disposition.mask,
        }
    }

    pub(crate) const fn disposition(&self) -> Disposition {
        Disposition {
            handler: self.handler,
            flags: self.flags,
            #[cfg(not(target_arch = "riscv64"))]
            restorer: self.restorer,
            #[cfg(target_arch = "riscv64")]
            restorer: 0,
            mask: self.mask,
        }
    }
}

/// The disposition of a signal; `None` when it can have none.
pub(crate) fn get(signal: c_int) -> Option<Disposition> {
    rt_sigaction(signal, None)
}

/// Sets it, and gives the one that was.
pub(crate) fn swap(signal: c_int, new: &Disposition) -> Option<Disposition> {
    rt_sigaction(signal, Some(*new))
}

/// Asks for the disposition and sets it to a new one, if there is one; `None` for a signal that has none.
fn rt_sigaction(signal: c_int, new: Option<Disposition>) -> Option<Disposition> {
    let new = new.map(Sigaction::of);
    let mut old = Sigaction::of(Disposition::DEFAULT);
    // SAFETY: the kernel reads one disposition, or none when `new` is null, and writes another; the handlers that
    // we set are functions of the type that the flags say, and the others were the daemon's own.
    let answer = unsafe {
        raw_syscall!(
            Sysno::rt_sigaction,
            signal,
            new.as_ref().map_or(ptr::null(), ptr::from_ref),
            &raw mut old,
            size_of::<u64>()
        )
    };
    (answer == 0).then(|| old.disposition())
}

/// Waits for a millisecond, or until a signal comes. Not for an event: who is waited for would have to tell of it each time, by a
/// system call for others that hardly ever are there.
pub(crate) fn pause() {
    let millisecond = Timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    let _ = rustix::thread::nanosleep(&millisecond);
}
