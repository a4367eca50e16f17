//! What is done when the program sets a disposition or asks for one: the C library does it, and what the kernel
//! then has is settled; what is handed out is what the program believes.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::{c_int, c_uint};
use core::mem::{transmute, zeroed};
use core::ptr::{from_ref, null};

use libc::{SA_ONSTACK, SA_RESETHAND, SA_RESTART, SIG_DFL, sighandler_t};

use super::{NewAction, OldAction};
use crate::disposition::{self, Disposition, is_ours};
use crate::{blocked, kernel, settle};

pub(super) unsafe fn sigaction(
    signal: c_int,
    new: NewAction,
    old: OldAction,
    next: unsafe extern "C" fn(c_int, NewAction, OldAction) -> c_int,
) -> c_int {
    if !new.is_null() {
        // SAFETY: as this function was called.
        return unsafe { set(signal, new, old, next) };
    }
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(signal, new, old) };
    if result == 0
        // SAFETY: the C library has just written there, or it is null.
        && let Some(old) = unsafe { old.as_mut() }.filter(|old| is_ours(old.sa_sigaction))
    {
        disposition::action_as_believed(disposition::last_set(signal), old);
    }
    result
}

/// Sets a disposition: what was believed before is handed out, and replaced.
#[inline(never)]
unsafe fn set(
    signal: c_int,
    new: NewAction,
    old: OldAction,
    next: unsafe extern "C" fn(c_int, NewAction, OldAction) -> c_int,
) -> c_int {
    let before = disposition::last_set(signal);
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(signal, new, old) };
    if result == 0 {
        // SAFETY: the C library has just written there, or it is null.
        if let Some(old) = unsafe { old.as_mut() } {
            disposition::action_as_believed(before, old);
        }
        settle::settle(signal);
    }
    result
}

pub(super) unsafe fn signal(
    signal: c_int,
    handler: sighandler_t,
    next: unsafe extern "C" fn(c_int, sighandler_t) -> sighandler_t,
) -> sighandler_t {
    let before = disposition::last_set(signal);
    // SAFETY: the caller's arguments, unchanged.
    let old = unsafe { next(signal, handler) };
    if old == libc::SIG_ERR {
        return old;
    }
    settle::settle(signal);
    disposition::handler_as_believed(before, old)
}

/// The C library sets the disposition and lets the signal through, as one. A signal that waits would find SIG_DFL without a
/// stand-in: it waits until that stands there.
pub(super) unsafe fn sigset(
    number: c_int,
    handler: sighandler_t,
    next: unsafe extern "C" fn(c_int, sighandler_t) -> sighandler_t,
) -> sighandler_t {
    /// Only holds the signal (`SIG_HOLD`).
    const HOLD: sighandler_t = 2;
    if handler != SIG_DFL || !disposition::is_on() || !settle::ends_a_process(number) {
        // SAFETY: as this function was called.
        return unsafe { signal(number, handler, next) };
    }
    // SAFETY: it takes the same handlers.
    let old = unsafe { signal(number, HOLD, next) };
    if old != libc::SIG_ERR {
        kernel::swap(number, &Disposition::DEFAULT);
        settle::settle(number);
        blocked::unblock(number);
    }
    old
}

pub(super) unsafe fn siginterrupt(
    signal: c_int,
    flag: c_int,
    next: unsafe extern "C" fn(c_int, c_int) -> c_int,
) -> c_int {
    settle::withdraw_where_borrowed(signal);
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(signal, flag) };
    if result == 0 {
        disposition::interrupts(signal, flag != 0);
    }
    result
}

/// `struct sigvec` of 4.2BSD, which glibc declared until 2.20 (<bits/sigvec.h>).
#[repr(C)]
pub(super) struct Sigvec {
    handler: sighandler_t,
    mask: c_uint,
    flags: c_int,
}

const SV_ONSTACK: c_int = 1;
const SV_INTERRUPT: c_int = 2;
const SV_RESETHAND: c_int = 4;

pub(super) unsafe fn sigvec(
    signal: c_int,
    new: *const Sigvec,
    old: *mut Sigvec,
    next: unsafe extern "C" fn(c_int, *const Sigvec, *mut Sigvec) -> c_int,
) -> c_int {
    // SAFETY: what the table has behind this one is sigaction(2).
    let next: unsafe extern "C" fn(c_int, NewAction, OldAction) -> c_int =
        unsafe { transmute(next) };
    // SAFETY: the caller's, or null.
    let new = unsafe { new.as_ref() }.map(Sigvec::as_action);
    // SAFETY: nothing in it is invalid as zeros.
    let mut before: libc::sigaction = unsafe { zeroed() };
    let new = new.as_ref().map_or(null(), from_ref);
    // SAFETY: a disposition or null, and room for one.
    let result = unsafe { sigaction(signal, new, &raw mut before, next) };
    // SAFETY: the caller's, or null.
    if let Some(old) = unsafe { old.as_mut() }.filter(|_| result == 0) {
        *old = Sigvec::of_action(&before);
    }
    result
}

impl Sigvec {
    fn as_action(&self) -> libc::sigaction {
        let has = |flag| self.flags & flag != 0;
        // SAFETY: nothing in it is invalid as zeros.
        let mut action: libc::sigaction = unsafe { zeroed() };
        action.sa_sigaction = self.handler;
        for (wanted, flag) in [
            (has(SV_ONSTACK), SA_ONSTACK),
            (!has(SV_INTERRUPT), SA_RESTART),
            (has(SV_RESETHAND), SA_RESETHAND),
        ] {
            action.sa_flags |= if wanted { flag } else { 0 };
        }
        // SAFETY: the first 32 signals are the first bits of the C library's mask.
        unsafe { (&raw mut action.sa_mask).cast::<c_uint>().write(self.mask) };
        action
    }

    fn of_action(action: &libc::sigaction) -> Self {
        let has = |flag| action.sa_flags & flag != 0;
        let mut flags = 0;
        for (wanted, flag) in [
            (has(SA_ONSTACK), SV_ONSTACK),
            (!has(SA_RESTART), SV_INTERRUPT),
            (has(SA_RESETHAND), SV_RESETHAND),
        ] {
            flags |= if wanted { flag } else { 0 };
        }
        Self {
            handler: action.sa_sigaction,
            // SAFETY: as above.
            mask: unsafe { (&raw const action.sa_mask).cast::<c_uint>().read() },
            flags,
        }
    }
}
