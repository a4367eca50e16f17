//! Stacks of our own. The one that a thread runs on may be small, or nearly at its end: an alternate stack for signals
//! has often no more than 8 KiB, of which the kernel's frame takes a good part.
#![expect(unsafe_code, reason = "changes the stack pointer")]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use rustix::mm::{MapFlags, ProtFlags};

/// Room for our deepest frames, some paths of `PATH_MAX` among them.
const SIZE: usize = 64 * 1024;

/// A stack that is mapped for the time of its use.
pub(crate) struct Stack(*mut c_void);

impl Stack {
    /// `None` when there is no memory.
    pub(crate) fn map() -> Option<Self> {
        // SAFETY: a new mapping, which overlaps nothing.
        let stack = unsafe {
            rustix::mm::mmap_anonymous(
                null_mut(),
                SIZE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        stack.ok().map(Self)
    }

    /// Where it begins: it grows down from there.
    pub(crate) fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(SIZE)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our mapping; who ran on it has ended, has other memory now, or has come back from it.
        let _ = unsafe { rustix::mm::munmap(self.0, SIZE) };
    }
}

/// For when there is no memory.
#[repr(align(64))]
struct Reserve(UnsafeCell<[u8; SIZE]>);

// SAFETY: only who has taken it uses it.
unsafe impl Sync for Reserve {}

static RESERVE: Reserve = Reserve(UnsafeCell::new([0; SIZE]));
static RESERVE_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Does the work on a stack with room for it; not at all when there is none to be had.
pub(crate) fn with_room(work: extern "C" fn()) {
    if let Some(stack) = Stack::map() {
        call(work, stack.top());
    } else if !RESERVE_IS_TAKEN.swap(true, Ordering::Acquire) {
        call(work, RESERVE.0.get().wrapping_add(1).cast());
        RESERVE_IS_TAKEN.store(false, Ordering::Release);
    }
}

/// Calls the function with the stack pointer there, and comes back.
fn call(work: extern "C" fn(), top: *mut c_void) {
    // SAFETY: `top` is aligned, with memory below it that nobody else uses; what the call may change is told, and the
    // stack pointer is kept in a register that it may not.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {work}",
            "mov rsp, r12",
            top = in(reg) top,
            work = in(reg) work,
            out("r12") _,
            clobber_abi("C"),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "mov x20, sp",
            "mov sp, {top}",
            "blr {work}",
            "mov sp, x20",
            top = in(reg) top,
            work = in(reg) work,
            out("x20") _,
            clobber_abi("C"),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "riscv64")]
    unsafe {
        asm!(
            "mv s2, sp",
            "mv sp, {top}",
            "jalr {work}",
            "mv sp, s2",
            top = in(reg) top,
            work = in(reg) work,
            out("s2") _,
            clobber_abi("C"),
        );
    }
}
