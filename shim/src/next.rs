//! The definition behind ours: what the daemon would have called without us.
//!
//! All are looked up when a pidfile was seen, and each before that at its first call: in an allocator that holds its own locks,
//! in a signal handler, in a child of a process with threads. No lock is taken then (see [`objects`]); most programs call few
//! of them, and pay for those alone.

use core::ffi::{c_int, c_long, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::errno;
use crate::objects::{self, Name, Object};

/// The next definition of one symbol.
pub(crate) struct Next {
    name: Name,
    /// The same without `64` at its end: musl has one name for both since 1.2.4, and only the dynamic linker knows the other.
    plain: Name,
    address: AtomicPtr<c_void>,
}

impl Next {
    pub(crate) const fn new(name: &str) -> Self {
        Self {
            name: Name::new(name),
            plain: Name::new(without_64(name)),
            address: AtomicPtr::new(null_mut()),
        }
    }

    /// What was found; null when it was not looked up yet, or nobody behind us defines it.
    #[inline(always)]
    pub(crate) fn known(&self) -> *mut c_void {
        self.address.load(Ordering::Relaxed)
    }

    /// Looks the symbol up, and with it what all hooks need; null when nobody behind us defines it.
    pub(crate) fn look_up(&self) -> *mut c_void {
        resolve([self, &errno::LOCATION].into_iter());
        self.known()
    }

    /// Whether it is known now.
    fn is_found(&self, object: &Object, name: &Name) -> bool {
        if self.known().is_null() {
            let found = object.find(name);
            if !found.is_null() {
                self.address.store(found, Ordering::Relaxed);
            }
        }
        !self.known().is_null()
    }
}

const fn without_64(name: &str) -> &str {
    if let [plain @ .., b'6', b'4'] = name.as_bytes()
        && let Ok(plain) = core::str::from_utf8(plain)
    {
        return plain;
    }
    name
}

/// Looks all of them up that are not known yet. What is called here leaves errno alone: dl_iterate_phdr(3), and functions that
/// choose an implementation.
pub(crate) fn resolve<'a>(all: impl Iterator<Item = &'a Next> + Clone) {
    if !are_found(all.clone(), |next| &next.name) {
        are_found(all, |next| &next.plain);
    }
}

/// Whether all are known, having been looked for by this name.
fn are_found<'a>(all: impl Iterator<Item = &'a Next> + Clone, name: fn(&Next) -> &Name) -> bool {
    let mut are_found = true;
    objects::behind(&mut |object| {
        are_found = true;
        for next in all.clone() {
            are_found &= next.is_found(object, name(next));
        }
        are_found
    });
    are_found
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
