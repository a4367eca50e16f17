//! Whose are the orphans? The guard is one, so that it is nobody's child but init's. A daemon that has asked for those of its
//! children (prctl(2), `PR_SET_CHILD_SUBREAPER`) would get the guard too: wait for its end, which comes after the daemon's own.
#![expect(
    unsafe_code,
    reason = "prctl(2), with what memcheck knows to be written"
)]

use core::ffi::{c_int, c_ulong};

use libc::{PR_GET_CHILD_SUBREAPER, PR_SET_CHILD_SUBREAPER};
use syscalls::{Sysno, raw_syscall};

/// While it lives, orphans are not this process's. Others than ours may become some in that millisecond, and would be init's.
pub(crate) struct NotOurs {
    were: bool,
}

impl NotOurs {
    pub(crate) fn for_now() -> Self {
        let mut ours: c_int = 0;
        // SAFETY: writes an int (prctl(2)).
        unsafe { raw_syscall!(Sysno::prctl, PR_GET_CHILD_SUBREAPER, &raw mut ours) };
        let were = ours != 0;
        if were {
            set(false);
        }
        Self { were }
    }
}

impl Drop for NotOurs {
    fn drop(&mut self) {
        if self.were {
            set(true);
        }
    }
}

fn set(ours: bool) {
    // SAFETY: takes two integers.
    unsafe { raw_syscall!(Sysno::prctl, PR_SET_CHILD_SUBREAPER, c_ulong::from(ours)) };
}
