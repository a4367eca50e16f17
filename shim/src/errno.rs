//! Puts errno back: what the daemon reads there is what the C library left, not what we did since.
#![expect(unsafe_code, reason = "errno is the C library's")]

use core::ffi::c_int;

/// Keeps the value of errno(3) and restores it when dropped.
pub(crate) struct Kept(c_int);

impl Kept {
    pub(crate) fn now() -> Self {
        Self(*location())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        set(self.0);
    }
}

/// Sets errno.
pub(crate) fn set(value: c_int) {
    *location() = value;
}

fn location<'a>() -> &'a mut c_int {
    // SAFETY: takes nothing and gives the address of this thread's errno.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: valid as long as the thread lives, and no other reference to it is held across a call.
    unsafe { &mut *location }
}
