//! The place of a process that a signal ends in a system call.
//!
//! Our handler has SA_RESTART, because it may have to return into a process that goes on (the init of a namespace);
//! so the kernel has gone back to before the call, to make it once more. Without us a core dump shows the place behind
//! it: on x86_64. On aarch64, and on riscv64 since Linux 6.6, the kernel goes back before anybody looks (do_signal() in
//! arch/arm64/kernel/signal.c), and there is nothing to restore.
#![expect(unsafe_code, reason = "changes what a handler returns to")]

use core::ffi::{c_int, c_void};

use libc::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, iovec, siginfo_t, ucontext_t};
use pidward_identity::pid::Pid;
use syscalls::{Sysno, raw_syscall};

/// The instruction that makes a system call.
const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// The result of an interrupted call that can be restarted, for as long as no program sees it (`ERESTARTSYS`,
/// include/linux/errno.h).
const RESTART: i64 = -512;

/// Puts the context of a handler behind the system call that it would make once more. The process dies there.
pub(crate) fn restore_place(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // What an instruction caused interrupted no system call; what a process sent (`SI_USER` and below) may have.
    // SAFETY: the kernel passes a handler with SA_SIGINFO its siginfo (sigaction(2)).
    let sent = unsafe { (*info).si_code } <= libc::SI_USER;
    if !sent && [SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP].contains(&signal) {
        return;
    }
    // SAFETY: the kernel passes a handler with SA_SIGINFO its context (sigaction(2)), and nobody else has it.
    let context = unsafe { &mut *context.cast::<ucontext_t>() };
    let Some((place, result)) = registers(context) else {
        return;
    };
    if instruction_at(*place) == Some(SYSCALL) {
        *place = place.wrapping_add(SYSCALL.len() as Register);
        *result = RESTART as Register;
    }
}

type Register = libc::greg_t;

/// The program counter, and the register with a call's result.
fn registers(context: &mut ucontext_t) -> Option<(&mut Register, &mut Register)> {
    let [place, result] = [libc::REG_RIP, libc::REG_RAX].map(c_int::cast_unsigned);
    let both = [place as usize, result as usize];
    let [place, result] = context.uc_mcontext.gregs.get_disjoint_mut(both).ok()?;
    Some((place, result))
}

/// The instruction there, if anything is: read by the kernel, which minds no address.
fn instruction_at(place: Register) -> Option<[u8; SYSCALL.len()]> {
    let mut instruction = [0; SYSCALL.len()];
    let to = iovec {
        iov_base: instruction.as_mut_ptr().cast(),
        iov_len: instruction.len(),
    };
    let from = iovec {
        iov_base: core::ptr::without_provenance_mut(usize::from_ne_bytes(place.to_ne_bytes())),
        ..to
    };
    let process = Pid::this_process().get();
    // SAFETY: the kernel writes the instruction, as long as it is, or nothing (process_vm_readv(2)).
    let read = unsafe {
        raw_syscall!(
            Sysno::process_vm_readv,
            process,
            &raw const to,
            1,
            &raw const from,
            1,
            0
        )
    };
    (read == instruction.len()).then_some(instruction)
}
