//! What is done when a file is made: the next definition does it, then its name is looked at.
//!
//! Only what succeeded counts, so the paths are good C strings: the kernel has read them.
#![expect(unsafe_code, reason = "functions of the C library")]

use core::ffi::{CStr, c_char, c_int, c_uint};

use libc::{AT_FDCWD, O_ACCMODE, O_CREAT, O_RDONLY, O_TMPFILE, mode_t};

use super::{Path, Stream};
use crate::seen::{self, Made};

pub(super) unsafe fn open(
    path: Path,
    flags: c_int,
    mode: mode_t,
    next: unsafe extern "C" fn(Path, c_int, mode_t) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let fd = unsafe { next(path, flags, mode) };
    opened(fd, AT_FDCWD, path, flags);
    fd
}

pub(super) unsafe fn open_2(
    path: Path,
    flags: c_int,
    next: unsafe extern "C" fn(Path, c_int) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let fd = unsafe { next(path, flags) };
    opened(fd, AT_FDCWD, path, flags);
    fd
}

pub(super) unsafe fn openat(
    dir: c_int,
    path: Path,
    flags: c_int,
    mode: mode_t,
    next: unsafe extern "C" fn(c_int, Path, c_int, mode_t) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let fd = unsafe { next(dir, path, flags, mode) };
    opened(fd, dir, path, flags);
    fd
}

pub(super) unsafe fn openat_2(
    dir: c_int,
    path: Path,
    flags: c_int,
    next: unsafe extern "C" fn(c_int, Path, c_int) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let fd = unsafe { next(dir, path, flags) };
    opened(fd, dir, path, flags);
    fd
}

pub(super) unsafe fn creat(
    path: Path,
    mode: mode_t,
    next: unsafe extern "C" fn(Path, mode_t) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let fd = unsafe { next(path, mode) };
    made(fd >= 0, AT_FDCWD, path, Made::Created);
    fd
}

pub(super) unsafe fn fopen(
    path: Path,
    mode: Path,
    next: unsafe extern "C" fn(Path, Path) -> Stream,
) -> Stream {
    // SAFETY: the caller's arguments, unchanged.
    let stream = unsafe { next(path, mode) };
    streamed(stream, path, mode);
    stream
}

pub(super) unsafe fn freopen(
    path: Path,
    mode: Path,
    stream: Stream,
    next: unsafe extern "C" fn(Path, Path, Stream) -> Stream,
) -> Stream {
    // SAFETY: the caller's arguments, unchanged.
    let stream = unsafe { next(path, mode, stream) };
    // Without a path it only changes the mode.
    if !path.is_null() {
        streamed(stream, path, mode);
    }
    stream
}

pub(super) unsafe fn rename(
    old: Path,
    new: Path,
    next: unsafe extern "C" fn(Path, Path) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(old, new) };
    renamed(result, (AT_FDCWD, old), (AT_FDCWD, new));
    result
}

pub(super) unsafe fn renameat(
    old_dir: c_int,
    old: Path,
    new_dir: c_int,
    new: Path,
    next: unsafe extern "C" fn(c_int, Path, c_int, Path) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(old_dir, old, new_dir, new) };
    renamed(result, (old_dir, old), (new_dir, new));
    result
}

pub(super) unsafe fn renameat2(
    old_dir: c_int,
    old: Path,
    new_dir: c_int,
    new: Path,
    flags: c_uint,
    next: unsafe extern "C" fn(c_int, Path, c_int, Path, c_uint) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(old_dir, old, new_dir, new, flags) };
    renamed(result, (old_dir, old), (new_dir, new));
    result
}

pub(super) unsafe fn link(
    old: Path,
    new: Path,
    next: unsafe extern "C" fn(Path, Path) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(old, new) };
    made(result == 0, AT_FDCWD, new, Made::Created);
    result
}

pub(super) unsafe fn linkat(
    old_dir: c_int,
    old: Path,
    new_dir: c_int,
    new: Path,
    flags: c_int,
    next: unsafe extern "C" fn(c_int, Path, c_int, Path, c_int) -> c_int,
) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let result = unsafe { next(old_dir, old, new_dir, new, flags) };
    made(result == 0, new_dir, new, Made::Created);
    result
}

/// A file was opened by the flags of open(2).
fn opened(fd: c_int, dir: c_int, path: Path, flags: c_int) {
    let nameless = flags & O_TMPFILE == O_TMPFILE;
    if flags & O_CREAT != 0 {
        made(fd >= 0, dir, path, Made::Created);
    } else if flags & O_ACCMODE != O_RDONLY && !nameless {
        made(fd >= 0, dir, path, Made::Written);
    }
}

/// A file was opened by the mode of fopen(3).
fn streamed(stream: Stream, path: Path, mode: Path) {
    // SAFETY: fopen(3) has read the mode, which is not empty.
    if let Some(how) = unsafe { made_by_mode(mode) } {
        made(!stream.is_null(), AT_FDCWD, path, how);
    }
}

/// What fopen(3) does to a file in this mode; none where it only reads. A mode has a few letters: to ask for its length would
/// take longer than to go through them.
///
/// # Safety
/// It is a C string.
unsafe fn made_by_mode(mode: Path) -> Option<Made> {
    // SAFETY: a C string has a first byte, if only its end.
    let mut letter = unsafe { mode.cast::<u8>().read() };
    if matches!(letter, b'w' | b'a') {
        return Some(Made::Created);
    }
    let mut at = mode.cast::<u8>();
    while letter != 0 {
        if letter == b'+' {
            return Some(Made::Written);
        }
        // SAFETY: this letter was not the end.
        at = unsafe { at.add(1) };
        // SAFETY: so there is another one, or the end.
        letter = unsafe { at.read() };
    }
    None
}

/// A file was given another name. A pidfile goes on being one under a name that does not look it: nginx.pid
/// becomes nginx.pid.oldbin.
#[inline(always)]
fn renamed(result: c_int, old: (c_int, Path), new: (c_int, Path)) {
    if result != 0 {
        return;
    }
    // SAFETY: rename(2) has read it.
    let to = unsafe { c_string(new.1) };
    if seen::awake() {
        // SAFETY: and this one.
        let from = unsafe { c_string(old.1) };
        seen::renamed(old.0, from, new.0, to);
    } else {
        seen::made(new.0, to, Made::Created);
    }
}

#[inline(always)]
fn made(success: bool, dir: c_int, path: Path, how: Made) {
    if success {
        // SAFETY: the call succeeded, so the kernel has read the path.
        seen::made(dir, unsafe { c_string(path) }, how);
    }
}

/// # Safety
/// The pointer is one to a C string that lives as long as the call that it was passed to.
unsafe fn c_string<'a>(text: *const c_char) -> &'a CStr {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }
}
