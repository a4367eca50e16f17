//! What is done when the program sets a seccomp filter by prctl(2): our stand-ins go before it, because none of their
//! system calls may be allowed after it. The guard does the work from then on.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::{c_int, c_long, c_ulong};

use libc::PR_SET_SECCOMP;

use crate::seccomp;

/// Whether a system call may end the process from then on: by a seccomp filter, or because the program takes its system
/// calls itself (PR_SET_SYSCALL_USER_DISPATCH, unless it is switched off).
pub(super) fn sets_filter(option: c_long, argument: c_ulong) -> bool {
    const PR_SET_SYSCALL_USER_DISPATCH: c_long = 59;
    option == c_long::from(PR_SET_SECCOMP)
        || option == PR_SET_SYSCALL_USER_DISPATCH && argument != 0
}

pub(super) unsafe fn prctl(
    option: c_int,
    a: c_ulong,
    b: c_ulong,
    c: c_ulong,
    d: c_ulong,
    next: unsafe extern "C" fn(c_int, c_ulong, c_ulong, c_ulong, c_ulong) -> c_int,
) -> c_int {
    let filter = sets_filter(option.into(), a).then(seccomp::before_filter);
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(option, a, b, c, d) };
    if let Some(filter) = filter {
        filter.was_set(result == 0);
    }
    result
}
