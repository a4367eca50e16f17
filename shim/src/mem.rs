//! `memcpy` and its kin, as the guard has them. Those of the C library would do as well, but each name that is looked up there
//! is looked up in every program that is started.
#![expect(unsafe_code, reason = "symbols of the ELF file")]

#[path = "../../guard/src/mem.rs"]
mod functions;

// They are for this library alone.
core::arch::global_asm!(
    ".hidden memcpy",
    ".hidden memmove",
    ".hidden memset",
    ".hidden memcmp",
    ".hidden bcmp",
);
