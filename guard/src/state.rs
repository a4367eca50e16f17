//! What outlives a guard: directories of pidward's own.

use core::ffi::CStr;

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags};

use crate::arguments::Environment;

/// The directory of this name: root's in /var/lib, others' where the XDG Base Directory Specification has the state of
/// programs. Made, if it is to be.
pub(crate) fn directory(name: &CStr, environment: Environment, make: bool) -> Option<OwnedFd> {
    if rustix::process::geteuid().is_root() {
        let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
        return below(c"/var/lib", &[c"pidward", name], make.then_some(mode));
    }
    // "With permission 0700", says the specification.
    let mode = make.then_some(Mode::RWXU);
    // A relative path is to be ignored, it says as well.
    let absolute = |path: &&CStr| path.to_bytes().first() == Some(&b'/');
    match environment.get("XDG_STATE_HOME").filter(absolute) {
        Some(state) => {
            if let Some(mode) = mode {
                let _ = rustix::fs::mkdirat(CWD, state, mode);
            }
            below(state, &[c"pidward", name], mode)
        }
        None => below(
            environment.get("HOME").filter(absolute)?,
            &[c".local", c"state", c"pidward", name],
            mode,
        ),
    }
}

/// Goes down from a directory, and makes what is missing when told with which permissions.
fn below(base: &CStr, names: &[&CStr], make: Option<Mode>) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut directory = rustix::fs::openat(CWD, base, flags, Mode::empty()).ok()?;
    for name in names {
        if let Some(mode) = make {
            let _ = rustix::fs::mkdirat(&directory, *name, mode);
        }
        directory = rustix::fs::openat(&directory, *name, flags, Mode::empty()).ok()?;
    }
    Some(directory)
}
