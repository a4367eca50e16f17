//! The table: each function of the C library that we stand in front of, in one row with its siblings.
//!
//! A row has the man page, the names, the C type, and what is done. Functions of the same type that do the
//! same are one row. The names before the semicolon are declared by the libc crate too, and the compiler checks the type
//! against it. Every other name that makes a file, ends a process or sets a disposition is in the table as well, with the
//! reason why it is not hooked.
//!
//! What is variadic in C stands behind `...`. It can be integers and pointers only, which all our architectures
//! pass as they pass named arguments: our functions take all of them as that.
#![expect(unsafe_code, reason = "functions of the C library")]

mod exit;
mod file;
mod filter;
mod signal;
mod system_call;
mod usage;

use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
use core::mem::transmute;

use libc::{FILE, clock_t, mode_t, rusage, sighandler_t, tms};

use self::signal::Sigvec;
use crate::next::{self, Next, NotThere};
use crate::{errno, objects};

/// What fopen(3) returns.
type Stream = *mut FILE;
/// A pointer to a disposition.
type NewAction = *const libc::sigaction;
/// A pointer to where the old disposition goes.
type OldAction = *mut libc::sigaction;
/// What at_quick_exit(3) takes.
type Handler = Option<extern "C" fn()>;
/// A path.
type Path = *const c_char;

/// Compiles if the libc crate declares the function as the row does.
macro_rules! checked {
    ($symbol:ident ($($arg:ident: $type:ty),*) $ret:tt) => {
        const _: unsafe extern "C" fn($($type),*) -> $ret = libc::$symbol;
    };
    ($symbol:ident ($($arg:ident: $type:ty),*, ... $($more:ident: $variadic:ty),+) $ret:tt) => {
        const _: unsafe extern "C" fn($($type),*, ...) -> $ret = libc::$symbol;
    };
}

/// One hook. To look up what is behind it is a function of its own: only the first call pays for it.
macro_rules! hook {
    ($man:literal $symbol:ident ($($arg:ident: $type:ty),* $(, ... $($more:ident: $variadic:ty),+)?)
        $ret:tt $action:path) => {
        #[doc = concat!("Hook of ", stringify!($symbol), ", see ", $man)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $symbol($($arg: $type),* $(, $($more: $variadic),+)?) -> $ret {
            type Function = unsafe extern "C" fn($($type),* $(, $($variadic),+)?) -> $ret;

            #[cold]
            #[inline(never)]
            unsafe extern "C" fn first($($arg: $type),* $(, $($more: $variadic),+)?) -> $ret {
                let next = Symbol::$symbol.next().look_up();
                // SAFETY: the definition of this name, whose C type the row states, or null.
                let next: Option<Function> = unsafe { transmute(next) };
                call!($ret next ($($arg),* $(, $($more),+)?) $action)
            }

            let next = Symbol::$symbol.next().known();
            if next.is_null() {
                // SAFETY: the arguments are the caller's, as for the function itself.
                unsafe { first($($arg),* $(, $($more),+)?) }
            } else {
                // SAFETY: as in `first`.
                let next: Option<Function> = unsafe { transmute(next) };
                call!($ret next ($($arg),* $(, $($more),+)?) $action)
            }
        }
    };
}

/// What is done, with what is behind the hook. Only a process can be ended without it.
macro_rules! call {
    (! $next:ident ($($arg:ident),*) $action:path) => {
        // SAFETY: the arguments are the caller's, as for the function itself.
        unsafe { $action($($arg,)* $next) }
    };
    ($ret:tt $next:ident ($($arg:ident),*) $action:path) => {
        match $next {
            // SAFETY: the arguments are the caller's, as for the function itself.
            Some(next) => unsafe { $action($($arg,)* next) },
            None => <$ret as NotThere>::not_there(),
        }
    };
}

/// The name by which the next definition of a function is looked up.
macro_rules! name_behind {
    // glibc keeps it for old programs, under a version that its name alone does not mean: ours is made of sigaction.
    (sigvec) => {
        "sigaction"
    };
    ($symbol:ident) => {
        stringify!($symbol)
    };
}

macro_rules! hooks {
    (
        $($man:literal [$($checked:ident),* $(; $($symbol:ident),+)?] $args:tt -> $ret:tt => $action:path;)+
        not hooked: $($reason:literal [$($not:ident),+];)+
    ) => {
        $($(checked!($checked $args $ret);)*)+
        $($(hook!($man $checked $args $ret $action);)* $($(hook!($man $symbol $args $ret $action);)+)?)+

        /// Every hooked function.
        #[expect(non_camel_case_types, reason = "named as the functions are")]
        #[derive(Clone, Copy)]
        enum Symbol {
            $($($checked,)* $($($symbol,)+)?)+
        }

        /// The next definition of every hooked function, in the order of [`Symbol`]. One table without a pointer in it: each
        /// pointer would be one more relocation in every program that is started.
        static NEXT: [Next; [$($(stringify!($checked),)* $($(stringify!($symbol),)+)?)+].len()] = [
            $($(Next::new(name_behind!($checked)),)* $($(Next::new(name_behind!($symbol)),)+)?)+
        ];
    };
}

hooks! {
    // Makes a file.
    "open(2)" [open, open64; __open, __open64] (path: Path, flags: c_int, ... mode: mode_t) -> c_int => file::open;
    "open(2)" [; __open_2, __open64_2] (path: Path, flags: c_int) -> c_int => file::open_2;
    "open(2)" [openat, openat64] (dir: c_int, path: Path, flags: c_int, ... mode: mode_t) -> c_int => file::openat;
    "open(2)" [; __openat_2, __openat64_2] (dir: c_int, path: Path, flags: c_int) -> c_int => file::openat_2;
    "open(2)" [creat, creat64] (path: Path, mode: mode_t) -> c_int => file::creat;
    "fopen(3)" [fopen, fopen64; _IO_fopen] (path: Path, mode: Path) -> Stream => file::fopen;
    "fopen(3)" [freopen, freopen64] (path: Path, mode: Path, stream: Stream) -> Stream => file::freopen;
    "rename(2)" [rename] (old: Path, new: Path) -> c_int => file::rename;
    "rename(2)" [renameat] (old_dir: c_int, old: Path, new_dir: c_int, new: Path) -> c_int => file::renameat;
    "rename(2)" [renameat2] (old_dir: c_int, old: Path, new_dir: c_int, new: Path, flags: c_uint) -> c_int
        => file::renameat2;
    "link(2)" [link] (old: Path, new: Path) -> c_int => file::link;
    "link(2)" [linkat] (old_dir: c_int, old: Path, new_dir: c_int, new: Path, flags: c_int) -> c_int => file::linkat;

    // Ends the process past `.fini_array`.
    "_exit(2)" [_exit; _Exit] (status: c_int) -> ! => exit::now;
    "quick_exit(3)" [; quick_exit] (status: c_int) -> ! => exit::quick;
    "at_quick_exit(3)" [; at_quick_exit] (handler: Handler) -> c_int => exit::at_quick_exit;
    "at_quick_exit(3)" [; __cxa_at_quick_exit] (handler: Handler, library: *mut c_void) -> c_int
        => exit::cxa_at_quick_exit;

    // Sets or asks for a disposition.
    "sigaction(2)" [sigaction; __sigaction] (signal: c_int, new: NewAction, old: OldAction) -> c_int
        => signal::sigaction;
    "signal(2)" [signal; bsd_signal, ssignal, sysv_signal, __sysv_signal] (signal: c_int, handler: sighandler_t)
        -> sighandler_t => signal::signal;
    "sigset(3)" [; sigset] (signal: c_int, handler: sighandler_t) -> sighandler_t => signal::sigset;
    "siginterrupt(3)" [; siginterrupt] (signal: c_int, flag: c_int) -> c_int => signal::siginterrupt;
    "sigvec(3)" [; sigvec] (signal: c_int, new: *const Sigvec, old: *mut Sigvec) -> c_int => signal::sigvec;

    // Sets a seccomp filter; `syscall` a disposition too.
    "prctl(2)" [prctl] (option: c_int, ... a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int => filter::prctl;
    "syscall(2)" [syscall]
        (number: c_long, ... a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long
        => system_call::syscall;

    // Tells what children have used.
    "getrusage(2)" [getrusage] (whose: c_int, used: *mut rusage) -> c_int => usage::getrusage;
    "times(2)" [times] (used: *mut tms) -> clock_t => usage::times;

    not hooked:
    "the disposition of SIGABRT covers them; a hook would change the core dump"
        [abort, __assert, __assert_fail, __assert_perror_fail, __stack_chk_fail, __chk_fail, __fortify_fail];
    "reach `.fini_array`, after the daemon's own clean-up" [exit, pthread_exit, err, errx, verr, verrx, error];
    "the kernel puts stand-ins back to SIG_DFL itself; the guard stays with the process"
        [execve, execv, execvp, execvpe, execl, execlp, execle, fexecve, execveat];
    "children begin with SIG_DFL where we have a stand-in, as they would without us"
        [posix_spawn, posix_spawnp, system, popen, fork, _Fork, vfork, clone, daemon];
    "SIG_IGN replaces a stand-in, and nothing is handed out" [sigignore];
    "change masks, no disposition" [sighold, sigrelse, sigpause, __sigpause, sigblock, sigsetmask, siggetmask];
    "what is gone needs no removal" [unlink, remove, unlinkat];
    "their names have random letters; the rename that follows is seen"
        [mkstemp, mkstemp64, mkostemp, mkostemp64, mkstemps, mkstemps64, mkostemps, mkostemps64, tmpfile];
    "a symbolic link, a FIFO or a device is no pidfile" [symlink, symlinkat, mkfifo, mkfifoat, mknod, mknodat];
    "the file was seen when it was opened" [dup, dup2, dup3, fdopen, write, open_by_handle_at];
    "opens a stream that exists already, for the C library itself" [_IO_file_fopen];
}

impl Symbol {
    #[expect(clippy::indexing_slicing, reason = "the table has one of each")]
    #[inline(always)]
    fn next(self) -> &'static Next {
        &NEXT[self as usize]
    }
}

/// Sees to it that a function can be looked up wherever it is called for the first time.
pub(crate) fn prepare() {
    if !objects::remember() {
        resolve_all();
    }
}

/// Looks up all functions: some may be called for the first time in a signal handler, where no lock may be taken.
pub(crate) fn resolve_all() {
    next::resolve(NEXT.iter().chain([&errno::LOCATION]));
}
