//! What threads share: the one place where the library's rooms get it from, because in `shim/interleavings` another
//! room stands in this one's place, which tries every order of what threads do.
#![expect(unsafe_code, reason = "shares what is written once")]

use core::cell::UnsafeCell;
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering,
};

/// What one thread writes before it publishes it by an atomic, and nobody after that.
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: who calls its functions answers for it.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// # Safety
    /// It was published to the caller, or nobody else knows of it.
    pub(crate) unsafe fn get(&self) -> &T {
        // SAFETY: nobody writes it any more.
        unsafe { &*self.0.get() }
    }

    /// # Safety
    /// The caller alone knows of it, until the reference is gone.
    #[expect(clippy::mut_from_ref, reason = "the caller has it alone")]
    pub(crate) unsafe fn get_mut(&self) -> &mut T {
        // SAFETY: nobody else reads or writes it.
        unsafe { &mut *self.0.get() }
    }
}
