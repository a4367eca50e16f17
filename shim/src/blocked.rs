//! Keeps signals away from the calling thread.
#![expect(unsafe_code, reason = "rt_sigprocmask(2)")]

use core::ffi::c_int;

use syscalls::{Sysno, raw_syscall};

/// All signals are blocked, the C library's own too, until it is dropped. Holds the mask that was before.
pub(crate) struct Blocked(u64);

impl Blocked {
    pub(crate) fn all() -> Self {
        Self(change_mask(u64::MAX))
    }

    /// Whether the signal was blocked before.
    pub(crate) fn was(&self, signal: c_int) -> bool {
        let bit = u32::try_from(signal).ok().and_then(|it| it.checked_sub(1));
        bit.is_some_and(|bit| self.0.wrapping_shr(bit) & 1 != 0)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        change_mask(self.0);
    }
}

fn change_mask(mask: u64) -> u64 {
    let mut old = 0_u64;
    // SAFETY: reads one mask of the kernel's size and writes another (rt_sigprocmask(2)).
    unsafe {
        raw_syscall!(
            Sysno::rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            &raw mut old,
            size_of::<u64>()
        );
    }
    old
}
