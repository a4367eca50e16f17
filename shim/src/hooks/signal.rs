//! What is done when the program sets a disposition or asks for one: the C library does it, and what the kernel
//! then has is settled; what is handed out is what the program believes.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::c_int;

use libc::sighandler_t;

use super::{NewAction, OldAction};
use crate::disposition;

pub(super) unsafe fn sigaction(
    next: unsafe extern "C" fn(c_int, NewAction, OldAction) -> c_int,
    signal: c_int,
    new: NewAction,
    old: OldAction,
) -> c_int {
    let before = disposition::of(signal);
    let sets = !new.is_null();
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(signal, new, old) };
    if result == 0 {
        // SAFETY: the C library has just written there, or it is null.
        if let Some(old) = unsafe { old.as_mut() } {
            disposition::as_believed(before, old);
        }
        if sets {
            disposition::settle(signal);
        }
    }
    result
}

pub(super) unsafe fn signal(
    next: unsafe extern "C" fn(c_int, sighandler_t) -> sighandler_t,
    signal: c_int,
    handler: sighandler_t,
) -> sighandler_t {
    let before = disposition::of(signal);
    // SAFETY: the caller's arguments, unchanged.
    let old = unsafe { next(signal, handler) };
    if old == libc::SIG_ERR {
        return old;
    }
    disposition::settle(signal);
    disposition::handler_as_believed(before, old)
}

pub(super) unsafe fn siginterrupt(
    next: unsafe extern "C" fn(c_int, c_int) -> c_int,
    signal: c_int,
    flag: c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(signal, flag) };
    if result == 0 {
        disposition::interrupts(signal, flag != 0);
    }
    result
}
