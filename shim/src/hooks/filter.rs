//! What is done when the program sets a seccomp filter: our stand-ins go before it, because none of their
//! system calls may be allowed after it. The guard does the work from then on.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::{c_int, c_long, c_ulong};

use libc::{PR_SET_SECCOMP, SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_STRICT};

use crate::seccomp;

pub(super) unsafe fn prctl(
    next: unsafe extern "C" fn(c_int, c_ulong, c_ulong, c_ulong, c_ulong) -> c_int,
    option: c_int,
    a: c_ulong,
    b: c_ulong,
    c: c_ulong,
    d: c_ulong,
) -> c_int {
    let filter = (option == PR_SET_SECCOMP).then(seccomp::before_filter);
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(option, a, b, c, d) };
    if let Some(filter) = filter {
        filter.was_set(result == 0);
    }
    result
}

#[expect(clippy::too_many_arguments, reason = "a system call has six")]
pub(super) unsafe fn syscall(
    next: unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long,
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    let sets = match number {
        libc::SYS_seccomp => [SECCOMP_SET_MODE_STRICT, SECCOMP_SET_MODE_FILTER]
            .map(c_long::from)
            .contains(&a),
        libc::SYS_prctl => a == c_long::from(PR_SET_SECCOMP),
        _ => false,
    };
    let filter = sets.then(seccomp::before_filter);
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(number, a, b, c, d, e, f) };
    if let Some(filter) = filter {
        // With SECCOMP_FILTER_FLAG_NEW_LISTENER a descriptor, with TSYNC the thread that would not follow.
        filter.was_set(result >= 0);
    }
    result
}
