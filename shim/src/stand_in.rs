//! Our handlers: the stand-in, and the one that lets a handler with SA_RESETHAND run once.
//!
//! The stand-in runs where the daemon has SIG_DFL and the signal would have ended it. It touches only atomics, its
//! stack, and files by raw system calls; then it lets the process die of exactly what killed it.
#![expect(unsafe_code, reason = "signal handlers")]

use core::ffi::{c_int, c_void};
use core::mem::transmute;

use libc::{SIG_DFL, SIG_IGN, siginfo_t, ucontext_t};
use pidward_identity::pid::Pid;
use syscalls::{Sysno, raw_syscall};

use crate::{death, disposition, errno, settle};

/// The disposition names its own way back from the handler (arch/x86/include/uapi/asm/signal.h; on aarch64 the
/// kernel has one of its own and knows the flag, on riscv64 it has one and knows no flag).
pub(crate) const SA_RESTORER: u64 = if cfg!(target_arch = "x86_64") {
    0x0400_0000
} else {
    0
};

// The way back from a handler, sigreturn(2), in the bytes by which debuggers know a signal's frame.
#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".pushsection .text.pidward_restorer, \"ax\", @progbits",
    ".globl pidward_restorer",
    ".hidden pidward_restorer",
    ".type pidward_restorer, @function",
    // An unwinder looks for the call before the return address: let it not find another function's.
    "nop",
    ".balign 16",
    "pidward_restorer: mov rax, 15",
    "syscall",
    ".size pidward_restorer, . - pidward_restorer",
    ".popsection",
);

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn pidward_restorer();
}

/// Where the kernel finds the way back.
pub(crate) fn restorer_address() -> usize {
    #[cfg(target_arch = "x86_64")]
    return (pidward_restorer as *const c_void).addr();
    #[cfg(not(target_arch = "x86_64"))]
    return 0;
}

/// The stand-in's address, by which it is known.
pub(crate) fn address() -> usize {
    (stand_in as *const c_void).addr()
}

/// The address of the handler that runs another one once.
pub(crate) fn once_address() -> usize {
    (once as *const c_void).addr()
}

/// The signal would have ended the process: remove what is its own, then let it.
///
/// SIG_DFL is put back and the same signal, with its own siginfo, made pending again for this thread; so the kernel
/// ends the process as soon as this handler has returned to where it was interrupted. Returning alone would
/// not do: alarms, timers, ^C on a terminal and int3 do not come a second time.
extern "C" fn stand_in(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let _errno = errno::Kept::now();
    if settle::was_overtaken(signal) {
        return queue(signal, info);
    }
    // The init of a namespace does not die of it: the kernel discards what is pending by then. Stand-ins come
    // into it by clone(2), when the child of a daemon becomes one.
    if Pid::this_process().get() != 1 {
        death::of_this_process();
    }
    settle::put_default(signal);
    unblock(signal, context);
    #[cfg(target_arch = "x86_64")]
    crate::interrupted::restore_place(signal, info, context);
    queue(signal, info);
}

/// Makes the signal pending again for this thread, as it was.
fn queue(signal: c_int, info: *mut siginfo_t) {
    let process = Pid::this_process().get();
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    // SAFETY: the kernel reads the siginfo that it gave us (rt_tgsigqueueinfo(2)); to oneself any may be sent.
    let queued = unsafe { raw_syscall!(Sysno::rt_tgsigqueueinfo, process, thread, signal, info) };
    if queued != 0 {
        // The queue is full (RLIMIT_SIGPENDING): a signal without siginfo always gets through.
        // SAFETY: sends a signal to this thread (tgkill(2)).
        unsafe { raw_syscall!(Sysno::tgkill, process, thread, signal) };
    }
}

/// The mask that comes back after the handler may block the signal: sigsuspend(2), ppoll(2) and their like let it
/// through only while they wait. It has been delivered, so it has to be deliverable.
fn unblock(signal: c_int, context: *mut c_void) {
    // SAFETY: the kernel passes a handler with SA_SIGINFO its context (sigaction(2)).
    let mask = unsafe { &raw mut (*context.cast::<ucontext_t>()).uc_sigmask };
    // SAFETY: the kernel takes 64 bits of mask from there on the way back (rt_sigreturn).
    unsafe { *mask.cast::<u64>() &= !disposition::bit(signal) };
}

/// Runs a handler that the daemon has set with SA_RESETHAND. The kernel has put SIG_DFL in its place
/// before it calls us; we put the stand-in behind it.
extern "C" fn once(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let handler = disposition::handler_behind_once(signal);
    settle::settle(signal);
    if handler == SIG_DFL || handler == SIG_IGN {
        return;
    }
    // SAFETY: the daemon has set this address as its handler of this signal. One that takes a single argument does
    // not look at the others.
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = unsafe { transmute(handler) };
    handler(signal, info, context);
}
