//! The link that lets others find a recorded pidfile outside /run: in `known/`, named by a hash of its path.
//!
//! A convenience of `sweep` and `status`: where it cannot be made, the daemon is guarded all the same.
#![expect(
    clippy::disallowed_methods,
    reason = "the links are this room's to unlink"
)]

use core::ffi::CStr;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use crate::arguments::Environment;

/// Makes the link.
pub(crate) fn remember(path: &CStr, environment: Environment) {
    let Some(directory) = directory(environment, true) else {
        return;
    };
    let name = Name::of(path);
    let link = || rustix::fs::symlinkat(path, &directory, name.as_c_str());
    if link() != Err(Errno::EXIST) {
        return;
    }
    if leads_to(&directory, name.as_c_str(), path) {
        // An earlier guard, or this one, has left it. Who watches the directory is to learn of the new record too.
        touch(&directory, name.as_c_str());
    } else {
        let _ = rustix::fs::unlinkat(&directory, name.as_c_str(), AtFlags::empty());
        let _ = link();
    }
}

fn touch(directory: &OwnedFd, name: &CStr) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    let _ = rustix::fs::utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW);
}

/// Removes the link, if it is this pidfile's.
pub(crate) fn forget(path: &CStr, environment: Environment) {
    if let Some(directory) = directory(environment, false) {
        let name = Name::of(path);
        if leads_to(&directory, name.as_c_str(), path) {
            let _ = rustix::fs::unlinkat(&directory, name.as_c_str(), AtFlags::empty());
        }
    }
}

fn leads_to(directory: &OwnedFd, name: &CStr, path: &CStr) -> bool {
    let mut buffer = [0; 4096];
    rustix::fs::readlinkat_raw(directory, name, &mut buffer[..])
        .is_ok_and(|length| buffer.get(..length) == Some(path.to_bytes()))
}

/// Where the links of this user are: root's in /var/lib, others' where the XDG Base Directory Specification has
/// the state of programs.
fn directory(environment: Environment, make: bool) -> Option<OwnedFd> {
    if rustix::process::geteuid().is_root() {
        let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
        return below(c"/var/lib", &[c"pidward", c"known"], make.then_some(mode));
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
            below(state, &[c"pidward", c"known"], mode)
        }
        None => below(
            environment.get("HOME").filter(absolute)?,
            &[c".local", c"state", c"pidward", c"known"],
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

/// A name in `known/`, with its terminating NUL.
struct Name([u8; 17]);

impl Name {
    /// 16 hexadecimal digits: FNV-1a of the path, 64 bits (RFC 9923). Should two paths have the same, one of them
    /// has no link.
    fn of(path: &CStr) -> Self {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let mut hash = path.to_bytes().iter().fold(OFFSET_BASIS, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
        let mut name = [0; 17];
        for digit in name.iter_mut().take(16) {
            hash = hash.rotate_left(4);
            let [low, ..] = hash.to_le_bytes();
            *digit = match low & 0xf {
                low @ ..10 => b'0' + low,
                low => b'a' - 10 + low,
            };
        }
        Self(name)
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}
