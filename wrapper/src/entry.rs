//! What we were started with: arguments and environment, before anything has touched them.
//!
//! A command run by pidward must inherit exactly what pidward inherited. The start-up code of Rust's standard
//! library ignores SIGPIPE and opens /dev/null in the place of standard descriptors that are closed, and both
//! would outlive execve(2). So that code is left out: the C library calls our `main` directly. The price is
//! that standard output is not flushed at exit; `say` does it after each answer.
#![cfg_attr(
    not(test),
    expect(unsafe_code, reason = "main as the C library calls it")
)]

use std::ffi::CString;

use crate::environment::Environment;

/// Arguments and environment, byte for byte.
pub(crate) struct Start {
    /// `argv`, our own name first.
    pub(crate) arguments: Vec<CString>,
    /// `envp`; entries that are no `NAME=value` too.
    pub(crate) environment: Environment,
}

#[cfg(not(test))]
mod c {
    use std::ffi::{CStr, CString, c_char, c_int};

    use super::Start;
    use crate::environment::Environment;

    // SAFETY: the C library looks for this name, and there is no other main: the crate is `no_main`.
    #[unsafe(no_mangle)]
    extern "C" fn main(
        _count: c_int,
        arguments: *const *const c_char,
        environment: *const *const c_char,
    ) -> c_int {
        // SAFETY: this is argv of execve(2), an array that ends in a null pointer, of strings.
        let arguments = unsafe { strings(arguments) };
        // SAFETY: and this envp, likewise; nobody has changed it yet.
        let environment = unsafe { strings(environment) };
        crate::main(Start {
            arguments,
            environment: Environment::new(environment),
        })
        .code()
    }

    /// Copies such an array.
    ///
    /// # Safety
    /// `array` points to pointers to strings, and the last one is null.
    unsafe fn strings(mut array: *const *const c_char) -> Vec<CString> {
        let mut strings = Vec::new();
        loop {
            // SAFETY: the array goes on at least to its null pointer, which was not reached yet.
            let string = unsafe { *array };
            if string.is_null() {
                return strings;
            }
            // SAFETY: a string, by the contract of this function.
            strings.push(unsafe { CStr::from_ptr(string) }.to_owned());
            // SAFETY: the entry was not the last one, so the next is of the same array.
            array = unsafe { array.add(1) };
        }
    }
}
