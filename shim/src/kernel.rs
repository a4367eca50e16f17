//! The kernel's table of dispositions, rt_sigaction(2).
#![expect(unsafe_code, reason = "rt_sigaction(2)")]

use core::ffi::c_int;
use core::ptr;

use libc::SIG_DFL;
use syscalls::{Sysno, raw_syscall};

/// A disposition as the kernel has it, `struct sigaction` of include/linux/signal_types.h; riscv64 has no SA_RESTORER, and
/// then there is no field for it.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// The handler's address, SIG_DFL or SIG_IGN.
    pub(crate) handler: usize,
    /// `SA_…` of sigaction(2).
    pub(crate) flags: u64,
    /// Where a handler returns to.
    #[cfg(not(target_arch = "riscv64"))]
    pub(crate) restorer: usize,
    /// The signals that wait meanwhile, the first of them in the lowest bit.
    pub(crate) mask: u64,
}

impl Disposition {
    /// What a program begins with, unless its parent ignored the signal.
    pub(crate) const DEFAULT: Self = Self {
        handler: SIG_DFL,
        flags: 0,
        #[cfg(not(target_arch = "riscv64"))]
        restorer: 0,
        mask: 0,
    };
}

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
