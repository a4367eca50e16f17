//! The definition behind ours: what the daemon would have called without us.
//!
//! To look one up takes the dynamic linker's lock on its list of objects, and allocators call functions that we hook while they
//! hold their own locks; so each symbol is looked up alone, those of the file family when the library is loaded, and the rest
//! when a pidfile was seen, or else at the first call.

use core::ffi::{CStr, c_int, c_long, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::{errno, objects};

/// The next definition of one symbol.
pub(crate) struct Next {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Next {
    pub(crate) const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(null_mut()),
        }
    }

    /// Looks the symbol up; null when nobody behind us defines it.
    #[inline(always)]
    pub(crate) fn resolve(&self) -> *mut c_void {
        match self.address.load(Ordering::Relaxed) {
            unknown if unknown.is_null() => self.look_up(),
            known => known,
        }
    }

    #[cold]
    #[inline(never)]
    fn look_up(&self) -> *mut c_void {
        let _errno = errno::Kept::now();
        let found = objects::next(self.name);
        self.address.store(found, Ordering::Relaxed);
        found
    }
}

/// What a hook answers when there is no definition behind it: nobody could have called it without us, but some
/// programs ask with dlsym(3) whether a function exists.
pub(crate) trait NotThere {
    /// Sets errno to ENOSYS and gives the function's value for failure.
    fn not_there() -> Self;
}

impl NotThere for c_int {
    fn not_there() -> Self {
        errno::set(libc::ENOSYS);
        -1
    }
}

impl NotThere for c_long {
    fn not_there() -> Self {
        errno::set(libc::ENOSYS);
        -1
    }
}

impl NotThere for libc::sighandler_t {
    fn not_there() -> Self {
        errno::set(libc::ENOSYS);
        libc::SIG_ERR
    }
}

impl NotThere for *mut libc::FILE {
    fn not_there() -> Self {
        errno::set(libc::ENOSYS);
        null_mut()
    }
}
