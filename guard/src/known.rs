//! The link that lets others find a recorded pidfile outside /run: in `known/`, named by a hash of its path.
//!
//! A convenience of `sweep` and `status`: where it cannot be made, the daemon is guarded all the same.
#![expect(
    clippy::disallowed_methods,
    reason = "the links are this room's to unlink"
)]

use core::ffi::CStr;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use crate::arguments::Environment;
use crate::state;

/// Where they are.
const LINKS: &CStr = c"known";

/// Makes the link.
pub(crate) fn remember(path: &CStr, environment: Environment) {
    let Some(directory) = state::directory(LINKS, environment, true) else {
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
    if let Some(directory) = state::directory(LINKS, environment, false) {
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
