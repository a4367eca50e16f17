//! Starts without a libc: the first instruction, the last system call, and what a panic would come to.
//!
//! Promises [`crate::main`] an aligned stack and the arguments that the kernel left on it, and ends the process
//! with what it returns. Never sets up anything else: no thread-local storage, no heap, no stack protector; the
//! guard has no use for them.
#![expect(unsafe_code, reason = "the process begins here, and ends here")]

use core::arch::naked_asm;
use core::panic::PanicInfo;

use syscalls::{Sysno, raw_syscall};

use crate::arguments::{Arguments, Environment};

/// The exit status of what cannot happen: `EX_SOFTWARE`, sysexits.h(3head).
const PANICKED: u8 = 70;

/// Where the kernel starts the program: the stack pointer is at the number of arguments, and there is nobody to
/// return to (System V ABI, "Initial Stack and Register State").
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "xor ebp, ebp",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {enter}",
        "ud2",
        enter = sym enter,
    )
}

/// As above; the stack is aligned to begin with (AAPCS64).
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "mov x29, #0",
        "mov x30, #0",
        "mov x0, sp",
        "b {enter}",
        enter = sym enter,
    )
}

/// As above; the linker may address data relative to gp, so it has to be set first (RISC-V psABI).
#[cfg(target_arch = "riscv64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        ".option push",
        ".option norelax",
        "la gp, __global_pointer$",
        ".option pop",
        "mv a0, sp",
        "andi sp, sp, -16",
        "tail {enter}",
        enter = sym enter,
    )
}

/// The first function of Rust.
///
/// # Safety
/// To be called once, by `_start`, with the stack pointer as the kernel set it.
unsafe extern "C" fn enter(stack: *mut usize) -> ! {
    // SAFETY: `_start` hands over the kernel's stack pointer, and this is the only call.
    let arguments = unsafe { Arguments::at(stack) };
    // SAFETY: likewise.
    let environment = unsafe { Environment::at(stack) };
    exit(crate::main(arguments, environment))
}

/// Ends the process.
fn exit(status: u8) -> ! {
    loop {
        // SAFETY: exit_group(2) takes a number and does not return.
        unsafe { raw_syscall!(Sysno::exit_group, status) };
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(PANICKED)
}

/// Which features the processor has, getauxval(3): none that anybody need know. Compiled code asks before it uses
/// the newer atomic instructions of this architecture.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
extern "C" fn getauxval(_: core::ffi::c_ulong) -> core::ffi::c_ulong {
    0
}

/// What the precompiled core library refers to for unwinding, which never happens here: panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
