//! A child that the daemon never sees: no SIGCHLD at its end, not found by wait(2), reaped at once.
//!
//! It shares the daemon's memory, as vfork(2) does it, so that a large daemon pays no more than a small one,
//! and has a stack of its own; the calling thread waits until it has ended or executed another program. It may do
//! system calls and nothing else. Its descriptors are copies: what it closes, the daemon keeps, and with it
//! the POSIX locks.
#![expect(unsafe_code, reason = "clone(2) on a stack of its own")]

use core::arch::asm;
use core::ffi::c_int;
use core::mem::MaybeUninit;

use libc::{CLONE_VFORK, CLONE_VM, rusage};
use syscalls::{Sysno, raw_syscall};

use crate::blocked::Blocked;
use crate::orphans::NotOurs;
use crate::stack::Stack;
use crate::{death, usage};

/// What a child does; the value is its exit status, 0 to 255.
pub(crate) type Work<T> = fn(&T) -> c_int;

/// Runs the work in a child and gives its exit status; `None` when there is no child to be had, or it
/// was killed. A child whose work executes another program counts as ended at once, with status 0.
///
/// The daemon's signals are blocked meanwhile, so that none of its handlers runs in the child.
pub(crate) fn run<T>(work: Work<T>, subject: &T) -> Option<c_int> {
    let _blocked = Blocked::all();
    let stack = Stack::map()?;
    let pid = clone(&stack, &Job { work, subject })?;
    reap(pid)
}

/// Starts the work in a grandchild, which belongs to init (or the nearest subreaper above this process) from then on.
/// Gives back control when it has executed another program.
pub(crate) fn run_detached<T>(work: Work<T>, subject: &T) {
    let _not_ours = NotOurs::for_now();
    run(
        |job: &Job<'_, T>| {
            // This child's only task is to have ended before its own child goes on.
            Stack::map().and_then(|stack| clone(&stack, job));
            0
        },
        &Job { work, subject },
    );
}

struct Job<'a, T> {
    work: Work<T>,
    subject: &'a T,
}

extern "C" fn main<T>(job: *const Job<'_, T>) -> ! {
    // SAFETY: the job is on the stack of the thread that waits for us.
    let job = unsafe { &*job };
    death::exit((job.work)(job.subject))
}

/// Makes the child, without a signal for its end. Returns when it has ended or executed a program.
fn clone<T>(stack: &Stack, job: &Job<'_, T>) -> Option<c_int> {
    let flags = CLONE_VM | CLONE_VFORK;
    let main = main::<T> as extern "C" fn(*const Job<'_, T>) -> !;
    let pid: isize;
    // SAFETY: the child runs `main` on a stack of its own and never comes back here; the job outlives it,
    // because this thread waits until it has left our memory (CLONE_VFORK).
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") Sysno::clone as isize => pid,
            in("rdi") flags,
            in("rsi") stack.top(),
            in("rdx") 0,
            in("r10") 0,
            in("r8") 0,
            in("r12") job,
            in("r13") main,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk 1",
            "2:",
            in("x8") Sysno::clone as isize,
            inlateout("x0") flags as isize => pid,
            in("x1") stack.top(),
            in("x2") 0,
            in("x3") 0,
            in("x4") 0,
            in("x20") job,
            in("x21") main,
        );
    }
    // SAFETY: as above; the kernel changes no register but a0 (syscall(2)).
    #[cfg(target_arch = "riscv64")]
    unsafe {
        asm!(
            "ecall",
            "bnez a0, 2f",
            "mv fp, zero",
            "mv ra, zero",
            "mv a0, s2",
            "jalr s3",
            "unimp",
            "2:",
            in("a7") Sysno::clone as isize,
            inlateout("a0") flags as isize => pid,
            in("a1") stack.top(),
            in("a2") 0,
            in("a3") 0,
            in("a4") 0,
            in("s2") job,
            in("s3") main,
        );
    }
    c_int::try_from(pid).ok().filter(|&pid| pid > 0)
}

/// Waits for the child's end; `None` unless it exited.
fn reap(pid: c_int) -> Option<c_int> {
    let mut status = 0;
    let mut used = MaybeUninit::<rusage>::zeroed();
    let before = usage::Before::reaping();
    loop {
        // SAFETY: writes the status and what the child has used, and nothing else (wait4(2)).
        let reaped = unsafe {
            raw_syscall!(
                Sysno::wait4,
                pid,
                &raw mut status,
                libc::__WCLONE,
                used.as_mut_ptr()
            )
        };
        if reaped.cast_signed() != -(libc::EINTR as isize) {
            break;
        }
    }
    // SAFETY: zeros are valid, and so is what the kernel writes over them.
    before.add(unsafe { used.assume_init_ref() });
    libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
}
