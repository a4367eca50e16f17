//! What is done when the process ends past `.fini_array`. The daemon's own clean-up comes first.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use super::Handler;
use crate::death;

/// Whether [`last`] comes after all that the daemon wants done at a quick_exit(3).
static LAST_IS_SET: AtomicBool = AtomicBool::new(false);

pub(super) unsafe fn now(status: c_int, next: Option<unsafe extern "C" fn(c_int) -> !>) -> ! {
    death::of_this_process();
    match next {
        // SAFETY: the caller's argument, unchanged.
        Some(next) => unsafe { next(status) },
        None => death::exit(status),
    }
}

pub(super) unsafe fn quick(status: c_int, next: Option<unsafe extern "C" fn(c_int) -> !>) -> ! {
    match next.filter(|_| LAST_IS_SET.load(Ordering::Relaxed)) {
        // SAFETY: the caller's argument, unchanged.
        Some(next) => unsafe { next(status) },
        // SAFETY: as this function was called.
        None => unsafe { now(status, next) },
    }
}

pub(super) unsafe fn at_quick_exit(
    handler: Handler,
    next: unsafe extern "C" fn(Handler) -> c_int,
) -> c_int {
    // SAFETY: `last` may be called at any time.
    set_last(|| unsafe { next(Some(last)) });
    // SAFETY: the caller's argument, unchanged.
    unsafe { next(handler) }
}

/// What at_quick_exit(3) of glibc calls.
pub(super) unsafe fn cxa_at_quick_exit(
    handler: Handler,
    library: *mut c_void,
    next: unsafe extern "C" fn(Handler, *mut c_void) -> c_int,
) -> c_int {
    // SAFETY: `last` may be called at any time; this library is never unloaded.
    set_last(|| unsafe { next(Some(last), null_mut()) });
    // SAFETY: the caller's arguments, unchanged.
    unsafe { next(handler, library) }
}

/// The handlers run in the reverse order of their setting: the first one that is set is the last to run.
fn set_last(set: impl FnOnce() -> c_int) {
    if !LAST_IS_SET.swap(true, Ordering::Relaxed) && set() != 0 {
        LAST_IS_SET.store(false, Ordering::Relaxed);
    }
}

extern "C" fn last() {
    death::of_this_process();
}
