//! Descriptors that `pidward_identity` holds, as the standard library has them: rustix without `std` has types of its own.
#![expect(unsafe_code, reason = "one descriptor under another type")]

use std::os::fd::BorrowedFd;

use rustix::fd::{AsFd, AsRawFd};

/// The same descriptor.
pub(super) fn of(owner: &impl AsFd) -> BorrowedFd<'_> {
    // SAFETY: it stays open as long as its owner is borrowed.
    unsafe { BorrowedFd::borrow_raw(owner.as_fd().as_raw_fd()) }
}
