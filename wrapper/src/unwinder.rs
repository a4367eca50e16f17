//! The unwinder, which the standard library asks for a backtrace should the program panic. It is linked in: as a shared library it
//! would be looked for, mapped and relocated at each start, for nothing.
#![expect(unsafe_code, reason = "a library to link")]

// SAFETY: declares nothing.
#[cfg(target_env = "gnu")]
#[link(name = "gcc_eh", kind = "static")]
unsafe extern "C" {}
