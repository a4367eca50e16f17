//! Puts errno back: what the daemon reads there is what the C library left, not what we did since.
#![expect(unsafe_code, reason = "errno is the C library's")]

use core::ffi::c_int;
use core::mem::transmute;
use core::ptr::NonNull;

use crate::next::Next;

/// Where errno of the calling thread is. Looked up with the first function that a program calls of those that we hook: a symbol
/// that the dynamic linker resolves is one that every program pays for.
pub(crate) static LOCATION: Next = Next::new("__errno_location");

/// Keeps the value of errno(3) and restores it when dropped.
pub(crate) struct Kept(Option<c_int>);

impl Kept {
    pub(crate) fn now() -> Self {
        // SAFETY: valid as long as the thread lives.
        Self(location().map(|location| unsafe { location.read() }))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(value) = self.0 {
            set(value);
        }
    }
}

/// Sets errno.
pub(crate) fn set(value: c_int) {
    if let Some(location) = location() {
        // SAFETY: valid as long as the thread lives.
        unsafe { location.write(value) };
    }
}

/// None where there is no C library, and so nobody who would read it.
fn location() -> Option<NonNull<c_int>> {
    let function = LOCATION.known();
    // SAFETY: the definition of this name, or null.
    let function: Option<extern "C" fn() -> Option<NonNull<c_int>>> =
        unsafe { transmute(function) };
    function?()
}
