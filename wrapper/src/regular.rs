//! Files of others that are read: regular ones alone. A FIFO would have us wait for who writes it, a terminal would become
//! ours, and a device need not end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens the file for reading, behind symbolic links.
///
/// # Errors
/// As open(2), or that it is no regular file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // To open a device can do something already.
    if !fs::metadata(path)?.is_file() {
        return Err(not_regular());
    }
    // It may have become another one since.
    let mut options = File::options();
    let file = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(not_regular()),
    }
}

/// All that is in it.
///
/// # Errors
/// As [`open`] and read(2).
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_regular() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is no regular file")
}
