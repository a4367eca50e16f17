//! How many pidfiles guards have removed, and how their daemons had ended: in `removed/` a file for each way, and in it a byte for
//! each removal. To append one is atomic, and needs no lock. `status --prometheus` tells the numbers.
//!
//! Where that is not to be written, nothing is counted; the log is told all the same.

use core::ffi::CStr;

use arrayvec::ArrayVec;
use pidward_identity::pidfd::Ending;
use rustix::fs::{Mode, OFlags};

use crate::arguments::Environment;
use crate::state;

/// Counts a removal.
pub(crate) fn count(ending: Ending, environment: Environment) {
    let mut name = ArrayVec::<u8, 16>::new();
    for part in ["guard.", ending.name(), "\0"] {
        let _ = name.try_extend_from_slice(part.as_bytes());
    }
    let name = CStr::from_bytes_with_nul(&name).ok();
    let directory = state::directory(c"removed", environment, true);
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW;
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    if let (Some(name), Some(directory)) = (name, directory)
        && let Ok(file) = rustix::fs::openat(directory, name, flags, mode)
    {
        let _ = rustix::io::write(file, b".");
    }
}
