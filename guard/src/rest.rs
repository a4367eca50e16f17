//! A wait that may last for years, in as little memory as can be.
//!
//! Before it, the guard gives back the pages of its code, which come back from the file when it goes on, and those of its stack that
//! it has used on the way here. An executed page comes back together with its neighbours (fault-around, mm/memory.c), as far as its
//! mapping reaches: so what waits lies in a page that is a mapping of its own.
#![expect(unsafe_code, reason = "gives back pages of this very program")]

use core::ptr;

use rustix::event::PollFd;
use syscalls::{Sysno, raw_syscall};

/// A page, or the largest that a kernel of this architecture may have: what is given back begins and ends with one.
const PAGE: usize = if cfg!(target_arch = "x86_64") {
    4 << 10
} else {
    64 << 10
};

/// `MADV_RANDOM` and `MADV_DONTNEED`, include/uapi/asm-generic/mman-common.h.
const RANDOM: usize = 1;
const DONTNEED: usize = 4;

/// More than the guard's own stack is ever deep, and less than the kernel has it begin with (128 KiB, fs/exec.c).
const STACK: usize = 64 << 10;

/// What lies below the stack pointer and is in use, System V ABI: the red zone; with room to spare.
const BELOW: usize = 512;

unsafe extern "C" {
    /// Where the program begins, and where its code ends, ld(1).
    static __executable_start: u8;
    static etext: u8;
}

/// Parts of this program's memory, from one page's beginning to another's.
#[derive(Clone, Copy)]
struct Parts {
    before: (usize, usize),
    behind: (usize, usize),
    stack: (usize, usize),
}

/// Waits until one of these is ready, as poll(2); for nothing else, be it a signal that is handled.
pub(crate) fn poll(fds: &mut [PollFd<'_>]) {
    let local = 0_u8;
    let begin = (&raw const __executable_start).addr();
    let end = (&raw const etext).addr() & !(PAGE - 1);
    let page = (wait as *const ()).addr() & !(PAGE - 1);
    let stack = ((&raw const local).addr() - BELOW) & !(PAGE - 1);
    let parts = Parts {
        before: (begin, page - begin),
        behind: (page + PAGE, end.saturating_sub(page + PAGE)),
        stack: (stack - STACK, STACK),
    };
    // SAFETY: it is advice that changes no content. With it, the page is a mapping of its own.
    unsafe { raw_syscall!(Sysno::madvise, page, PAGE, RANDOM) };
    // SAFETY: the code is mapped from a file that nobody writes while it is executed, and the stack in that part is below
    // all that is in use. The array is borrowed for as long as the call takes.
    unsafe { wait(fds.as_mut_ptr().cast(), fds.len(), &parts) };
}

/// Gives the parts back, and waits. Calls nothing, so that nothing but its page is needed until it returns.
///
/// # Safety
/// Nothing in the parts may be needed that does not come back from a file.
#[inline(never)]
#[unsafe(link_section = ".text.rest")]
unsafe extern "C" fn wait(fds: *mut (), count: usize, parts: &Parts) {
    for (begin, length) in [parts.before, parts.behind, parts.stack] {
        // SAFETY: as the caller promises.
        unsafe { raw_syscall!(Sysno::madvise, begin, length, DONTNEED) };
    }
    let (no_time, no_mask) = (ptr::null::<()>(), ptr::null::<()>());
    // SAFETY: the caller's array, of which the kernel writes what happened.
    unsafe { raw_syscall!(Sysno::ppoll, fds, count, no_time, no_mask, 8) };
}
