//! What is done when the process ends past `.fini_array`.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::c_int;

use crate::death;

pub(super) unsafe fn now(next: Option<unsafe extern "C" fn(c_int) -> !>, status: c_int) -> ! {
    death::of_this_process();
    match next {
        // SAFETY: the caller's argument, unchanged.
        Some(next) => unsafe { next(status) },
        None => death::exit(status),
    }
}
