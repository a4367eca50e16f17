//! Keeps signals away from the calling thread.
#![expect(unsafe_code, reason = "rt_sigprocmask(2)")]

use core::ffi::c_int;

use syscalls::{Sysno, raw_syscall};

use crate::disposition::bit;

/// All signals are blocked, the C library's own too, until it is dropped. Holds the mask that was before.
pub(crate) struct Blocked(u64);

impl Blocked {
    pub(crate) fn all() -> Self {
        Self(change_mask(u64::MAX))
    }

    /// Whether the signal was blocked before.
    pub(crate) fn was(&self, signal: c_int) -> bool {
        self.0 & bit(signal) != 0
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
