//! The definition behind ours: what the daemon would have called without us.
//!
//! dlsym(3) may allocate, and allocators call functions that we hook while they hold their own locks; so each
//! symbol is looked up alone, those of the file family when the library is loaded, and the rest when a pidfile
//! was seen, or else at the first call.
#![expect(
    unsafe_code,
    reason = "calls dlsym(3) and makes functions of what it finds"
)]

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::ptr::{self, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::errno;

// dlsym moved from libdl to libc in glibc 2.34 and got a new version there. We ask for the first one of the
// architecture, which both have; so the library that was built on a new system runs on an old one.
#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".symver pidward_dlsym_first, dlsym@GLIBC_2.2.5",
    ".pushsection .text.pidward_dlsym, \"ax\", @progbits",
    ".globl pidward_dlsym",
    ".hidden pidward_dlsym",
    ".type pidward_dlsym, @function",
    "pidward_dlsym: jmp *pidward_dlsym_first@GOTPCREL(%rip)",
    ".size pidward_dlsym, . - pidward_dlsym",
    ".popsection",
    options(att_syntax)
);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".symver pidward_dlsym_first, dlsym@GLIBC_2.17",
    ".pushsection .text.pidward_dlsym, \"ax\", @progbits",
    ".globl pidward_dlsym",
    ".hidden pidward_dlsym",
    ".type pidward_dlsym, @function",
    "pidward_dlsym: b pidward_dlsym_first",
    ".size pidward_dlsym, . - pidward_dlsym",
    ".popsection",
);

unsafe extern "C" {
    /// dlsym(3). It finds out by its return address whose next definition is asked for, so it is jumped to.
    #[link_name = "pidward_dlsym"]
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// `RTLD_NEXT` of <dlfcn.h>, of glibc and musl alike.
const RTLD_NEXT: *mut c_void = ptr::without_provenance_mut(usize::MAX);

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
        // SAFETY: the name is a C string, and `RTLD_NEXT` a handle that dlsym(3) knows.
        let found = unsafe { dlsym(RTLD_NEXT, self.name.as_ptr()) };
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
