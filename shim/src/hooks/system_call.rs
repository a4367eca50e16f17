//! What is done for a system call that the program makes by syscall(2), where it is one that we stand in front of: a
//! seccomp filter is set, or a disposition.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::{c_int, c_long};
use core::ptr;

use libc::{SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_STRICT};

use super::filter;
use crate::kernel::Sigaction;
use crate::{disposition, seccomp, settle};

/// What is behind us.
type Next = unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;

#[expect(clippy::too_many_arguments, reason = "a system call has six")]
pub(super) unsafe fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
    next: Next,
) -> c_long {
    // SAFETY: the caller's arguments, unchanged.
    let call = || unsafe { next(number, a, b, c, d, e, f) };
    match number {
        libc::SYS_seccomp if is_filters(a) => with_filter(call),
        libc::SYS_prctl if filter::sets_filter(a, b.cast_unsigned()) => with_filter(call),
        libc::SYS_rt_sigaction => with_disposition(call, a, b, c),
        _ => call(),
    }
}

fn is_filters(operation: c_long) -> bool {
    [SECCOMP_SET_MODE_STRICT, SECCOMP_SET_MODE_FILTER]
        .map(c_long::from)
        .contains(&operation)
}

fn with_filter(call: impl FnOnce() -> c_long) -> c_long {
    let filter = seccomp::before_filter();
    let result = call();
    // With SECCOMP_FILTER_FLAG_NEW_LISTENER a descriptor, with TSYNC the thread that would not follow.
    filter.was_set(result >= 0);
    result
}

fn with_disposition(
    call: impl FnOnce() -> c_long,
    signal: c_long,
    new: c_long,
    old: c_long,
) -> c_long {
    let (Ok(signal), Ok(address)) = (
        c_int::try_from(signal),
        usize::try_from(old.cast_unsigned()),
    ) else {
        return call();
    };
    let before = disposition::last_set(signal);
    let result = call();
    if result == 0 {
        let old = ptr::with_exposed_provenance_mut::<Sigaction>(address);
        // SAFETY: the kernel has just written a disposition there, or it is null.
        if let Some(old) = unsafe { old.as_mut() } {
            let mut told = old.disposition();
            disposition::as_believed(before, &mut told);
            *old = Sigaction::of(told);
        }
        if new != 0 {
            settle::settle(signal);
        }
    }
    result
}
