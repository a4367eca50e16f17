//! The table: each function of the C library that we stand in front of, in one row with its siblings.
//!
//! A row has the man page, the names, the C type, and what is done. Functions of the same type that do the
//! same are one row. Every other name that makes a file, ends a process or sets a disposition is in the list of
//! those not hooked, with the reason.
//!
//! `open`, `openat`, `prctl` and `syscall` are variadic in C. What they may be given are integers and pointers, which
//! all our architectures pass as they pass named arguments, so they are declared with all of them.
//!
//! # Not hooked
//!
//! | name | why |
//! |---|---|
//! | `abort`, `__assert_fail`, `__stack_chk_fail` | the disposition of SIGABRT covers them; a hook would change the core dump |
//! | `exit`, `pthread_exit` | reach `.fini_array`, after the daemon's own clean-up |
//! | `execve` and its family | the kernel puts stand-ins back to SIG_DFL itself; the guard stays with the process |
//! | `posix_spawn`, `system`, `popen` | children begin with SIG_DFL where we have a stand-in, as they would without us |
//! | `sigignore` | SIG_IGN replaces a stand-in, and nothing is handed out |
//! | `sighold`, `sigrelse`, `sigpause` | change masks, no disposition |
//! | `sigvec` | left glibc with 2.21; musl never had it |
//! | `unlink`, `remove`, `unlinkat` | what is gone needs no removal |
//! | `mkstemp` and its family | their names end in random letters; the rename that follows is seen |
//! | `symlink` | a symbolic link is no pidfile |
//! | `dup`, `fdopen`, `write` | the file was seen when it was opened |
#![expect(unsafe_code, reason = "functions of the C library")]

mod exit;
mod file;
mod filter;
mod signal;

use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong};
use core::mem::transmute;

use libc::{FILE, mode_t, sighandler_t};

use crate::next::{Next, NotThere};

/// What fopen(3) returns.
type Stream = *mut FILE;
/// A pointer to a disposition.
type NewAction = *const libc::sigaction;
/// A pointer to where the old disposition goes.
type OldAction = *mut libc::sigaction;
/// A path.
type Path = *const c_char;

macro_rules! hook {
    ($man:literal $symbol:ident ($($arg:ident: $type:ty),*) ! $action:path) => {
        #[doc = concat!("Hook of ", stringify!($symbol), ", see ", $man)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $symbol($($arg: $type),*) -> ! {
            let next = next::$symbol.resolve();
            // SAFETY: dlsym(3) found the symbol of this name, whose C type the row states, or null.
            let next: Option<unsafe extern "C" fn($($type),*) -> !> = unsafe { transmute(next) };
            // SAFETY: the arguments are the caller's, as for the function itself.
            unsafe { $action(next, $($arg),*) }
        }
    };
    ($man:literal $symbol:ident ($($arg:ident: $type:ty),*) $ret:tt $action:path) => {
        #[doc = concat!("Hook of ", stringify!($symbol), ", see ", $man)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $symbol($($arg: $type),*) -> $ret {
            let next = next::$symbol.resolve();
            // SAFETY: dlsym(3) found the symbol of this name, whose C type the row states, or null.
            let next: Option<unsafe extern "C" fn($($type),*) -> $ret> = unsafe { transmute(next) };
            match next {
                // SAFETY: the arguments are the caller's, as for the function itself.
                Some(next) => unsafe { $action(next, $($arg),*) },
                None => <$ret as NotThere>::not_there(),
            }
        }
    };
}

macro_rules! hooks {
    ($($man:literal [$($symbol:ident),+] $args:tt -> $ret:tt => $action:path;)+) => {
        $($(hook!($man $symbol $args $ret $action);)+)+

        #[expect(non_upper_case_globals, reason = "called as the functions are")]
        mod next {
            use super::Next;
            $($(pub(super) static $symbol: Next = Next::new(
                match core::ffi::CStr::from_bytes_with_nul(concat!(stringify!($symbol), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => c"",
                }
            );)+)+
        }

        /// The next definition of every hooked function.
        static ALL: &[&Next] = &[$($(&next::$symbol),+),+];
    };
}

hooks! {
    // Makes a file.
    "open(2)" [open, open64] (path: Path, flags: c_int, mode: mode_t) -> c_int => file::open;
    "open(2)" [__open_2, __open64_2] (path: Path, flags: c_int) -> c_int => file::open_2;
    "open(2)" [openat, openat64] (dir: c_int, path: Path, flags: c_int, mode: mode_t) -> c_int => file::openat;
    "open(2)" [__openat_2, __openat64_2] (dir: c_int, path: Path, flags: c_int) -> c_int => file::openat_2;
    "open(2)" [creat, creat64] (path: Path, mode: mode_t) -> c_int => file::creat;
    "fopen(3)" [fopen, fopen64] (path: Path, mode: Path) -> Stream => file::fopen;
    "fopen(3)" [freopen, freopen64] (path: Path, mode: Path, stream: Stream) -> Stream => file::freopen;
    "rename(2)" [rename] (old: Path, new: Path) -> c_int => file::rename;
    "rename(2)" [renameat] (old_dir: c_int, old: Path, new_dir: c_int, new: Path) -> c_int => file::renameat;
    "rename(2)" [renameat2] (old_dir: c_int, old: Path, new_dir: c_int, new: Path, flags: c_uint) -> c_int
        => file::renameat2;
    "link(2)" [link] (old: Path, new: Path) -> c_int => file::link;
    "link(2)" [linkat] (old_dir: c_int, old: Path, new_dir: c_int, new: Path, flags: c_int) -> c_int => file::linkat;

    // Ends the process past `.fini_array`.
    "_exit(2)" [_exit, _Exit] (status: c_int) -> ! => exit::now;
    "quick_exit(3)" [quick_exit] (status: c_int) -> ! => exit::now;

    // Sets or asks for a disposition.
    "sigaction(2)" [sigaction, __sigaction] (signal: c_int, new: NewAction, old: OldAction) -> c_int
        => signal::sigaction;
    "signal(2)" [signal, bsd_signal, ssignal, sysv_signal, __sysv_signal] (signal: c_int, handler: sighandler_t)
        -> sighandler_t => signal::signal;
    "sigset(3)" [sigset] (signal: c_int, handler: sighandler_t) -> sighandler_t => signal::signal;
    "siginterrupt(3)" [siginterrupt] (signal: c_int, flag: c_int) -> c_int => signal::siginterrupt;

    // Sets a seccomp filter.
    "prctl(2)" [prctl] (option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int => filter::prctl;
    "syscall(2)" [syscall]
        (number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long
        => filter::syscall;
}

/// Looks up the functions that allocators call while they hold their locks.
pub(crate) fn resolve_early() {
    for next in [&next::open, &next::open64, &next::openat, &next::fopen] {
        next.resolve();
    }
}

/// Looks up all functions: some may be called for the first time in a signal handler, where dlsym(3) may not.
pub(crate) fn resolve_all() {
    for next in ALL {
        next.resolve();
    }
}
