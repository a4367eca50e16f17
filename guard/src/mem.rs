//! The functions that compiled code calls without being asked: `memcpy` and its kin, of libc's contract.
//!
//! The guard moves a few kilobytes in its life, and libpidward.so, which has them from here, not many more. x86_64 has an
//! instruction for the two that are most of it. Elsewhere each access is volatile, because the compiler knows the pattern of
//! such loops and would turn a plain one into a call of the very function it stands in.
#![expect(
    unsafe_code,
    reason = "they are C's, and C's contract is all the proof there is"
)]

#[cfg(target_arch = "x86_64")]
use core::arch::asm;

/// Copies `n` bytes between places that do not overlap, memcpy(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's promise is memmove's and more.
    unsafe { forwards(to, from, n) };
    to
}

/// Copies `n` bytes between places that may overlap, memmove(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    if to.addr() <= from.addr() {
        // SAFETY: what is overwritten was read before, as the target comes first.
        unsafe { forwards(to, from, n) };
    } else {
        // SAFETY: what is overwritten was read before, as the target comes last.
        unsafe { backwards(to, from, n) };
    }
    to
}

#[cfg(target_arch = "x86_64")]
unsafe fn forwards(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: `n` bytes are readable at `from` and writable at `to`; the ABI has the direction flag clear.
    unsafe {
        asm!("rep movsb", inout("rcx") n => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn forwards(to: *mut u8, from: *const u8, n: usize) {
    for at in 0..n {
        // SAFETY: `n` bytes are readable at `from`.
        let byte = unsafe { from.wrapping_add(at).read_volatile() };
        // SAFETY: `n` bytes are writable at `to`.
        unsafe { to.wrapping_add(at).write_volatile(byte) };
    }
}

unsafe fn backwards(to: *mut u8, from: *const u8, n: usize) {
    for at in (0..n).rev() {
        // SAFETY: `n` bytes are readable at `from`.
        let byte = unsafe { from.wrapping_add(at).read_volatile() };
        // SAFETY: `n` bytes are writable at `to`.
        unsafe { to.wrapping_add(at).write_volatile(byte) };
    }
}

/// Fills `n` bytes with the lowest byte of `value`, memset(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, n: usize) -> *mut u8 {
    let [byte, ..] = value.to_le_bytes();
    // SAFETY: `n` bytes are writable at `to`.
    unsafe { fill(to, byte, n) };
    to
}

#[cfg(target_arch = "x86_64")]
unsafe fn fill(to: *mut u8, byte: u8, n: usize) {
    // SAFETY: `n` bytes are writable at `to`; the ABI has the direction flag clear.
    unsafe {
        asm!("rep stosb", inout("rcx") n => _, inout("rdi") to => _, in("al") byte,
            options(nostack, preserves_flags));
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn fill(to: *mut u8, byte: u8, n: usize) {
    for at in 0..n {
        // SAFETY: `n` bytes are writable at `to`.
        unsafe { to.wrapping_add(at).write_volatile(byte) };
    }
}

/// Compares `n` bytes as unsigned numbers, memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, n: usize) -> i32 {
    for at in 0..n {
        // SAFETY: `n` bytes are readable at `one`.
        let a = unsafe { one.wrapping_add(at).read_volatile() };
        // SAFETY: `n` bytes are readable at `other`.
        let b = unsafe { other.wrapping_add(at).read_volatile() };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// 0 if `n` bytes are equal, bcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, n: usize) -> i32 {
    // SAFETY: the same promise of the caller's.
    unsafe { memcmp(one, other, n) }
}
