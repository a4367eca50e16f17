//! What is done when the program asks what its children have used: ours are none of them.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::c_int;

use libc::{RUSAGE_CHILDREN, clock_t, rusage, tms};

use crate::usage;

/// Microseconds in a clock tick of times(2), of which a second has a hundred (`USER_HZ`).
const TICK: i64 = 10_000;

pub(super) unsafe fn getrusage(
    whose: c_int,
    used: *mut rusage,
    next: unsafe extern "C" fn(c_int, *mut rusage) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(whose, used) };
    if result == 0 && whose == RUSAGE_CHILDREN {
        // SAFETY: the C library has just written there.
        usage::as_without_us(unsafe { &mut *used });
    }
    result
}

pub(super) unsafe fn times(
    used: *mut tms,
    next: unsafe extern "C" fn(*mut tms) -> clock_t,
) -> clock_t {
    // SAFETY: the caller's argument, unchanged.
    let result = unsafe { next(used) };
    if usage::is_ours_too()
        // SAFETY: the C library has just written there, or it is null.
        && let Some(used) = unsafe { used.as_mut() }
    {
        [used.tms_cutime, used.tms_cstime] =
            usage::times_of_children().map(|time| time.wrapping_div(TICK));
    }
    result
}
