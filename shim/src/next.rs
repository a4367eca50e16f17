//! The definition behind ours: what the daemon would have called without us.
//!
//! To look one up takes the dynamic linker's lock on its list of objects, and allocators call functions that we hook while they
//! hold their own locks; those of the file family are looked up when the library is loaded, and the rest
//! when a pidfile was seen, or else at the first call.

use core::ffi::{c_int, c_long, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::errno;
use crate::objects::{self, Name};

/// The next definition of one symbol.
pub(crate) struct Next {
    name: Name,
    address: AtomicPtr<c_void>,
}

impl Next {
    pub(crate) const fn new(name: &str) -> Self {
        Self {
            name: Name::new(name),
            address: AtomicPtr::new(null_mut()),
        }
    }

    /// What was found; null when it was not looked up yet, or nobody behind us defines it.
    #[inline(always)]
    pub(crate) fn known(&self) -> *mut c_void {
        self.address.load(Ordering::Relaxed)
    }

    /// Looks the symbol up; null when nobody behind us defines it.
    pub(crate) fn look_up(&self) -> *mut c_void {
        resolve(core::iter::once(self));
        self.known()
    }
}

/// Looks all of them up that are not known yet.
pub(crate) fn resolve<'a>(all: impl Iterator<Item = &'a Next> + Clone) {
    let _errno = errno::Kept::now();
    objects::behind(&mut |object| {
        let mut is_enough = true;
        for next in all.clone().filter(|next| next.known().is_null()) {
            let found = object.find(&next.name);
            next.address.store(found, Ordering::Relaxed);
            is_enough &= !found.is_null();
        }
        is_enough
    });
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
