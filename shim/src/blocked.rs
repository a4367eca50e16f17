//! Keeps signals away from the calling thread.
#![expect(unsafe_code, reason = "rt_sigprocmask(2)")]

use core::ffi::c_int;

use syscalls::{Sysno, raw_syscall};

use crate::disposition::bit;

/// All signals are blocked, the C library's own too, until it is dropped. Holds the mask that was before.
pub(crate) struct Blocked(u64);

impl Blocked {
    pub(crate) fn all() -> Self {
        Self(change_mask(libc::SIG_SETMASK, u64::MAX))
    }

    /// Whether the signal was blocked before.
    pub(crate) fn was(&self, signal: c_int) -> bool {
        self.0 & bit(signal) != 0
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        change_mask(libc::SIG_SETMASK, self.0);
    }
}

/// Lets the signal through to the calling thread.
pub(crate) fn unblock(signal: c_int) {
    change_mask(libc::SIG_UNBLOCK, bit(signal));
}

fn change_mask(how: c_int, mask: u64) -> u64 {
    let mut old = 0_u64;
    // SAFETY: reads one mask of the kernel's size and writes another (rt_sigprocmask(2)).
    unsafe {
        raw_syscall!(
            Sysno::rt_sigprocmask,
            how,
            &raw const mask,
            &raw mut old,
            size_of::<u64>()
        );
    }
    old
}
