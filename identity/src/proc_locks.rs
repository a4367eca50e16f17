//! `/proc/locks`, from bytes. See `proc_locks(5)`.

use crate::pid::decimal;
use crate::pidfile::FileId;

/// The file of a line `1: FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF`; `None` for other kinds of locks and for
/// those who wait for one.
#[must_use]
pub fn flocked(line: &[u8]) -> Option<FileId> {
    let mut words = words(line).skip(1);
    if words.next()? != b"FLOCK" {
        return None;
    }
    file_of(words.nth(3)?)
}

/// The file of a line `1: -> POSIX  ADVISORY  WRITE 90 08:01:1234 0 EOF`; `None` for a lock that is held.
#[must_use]
pub fn awaited(line: &[u8]) -> Option<FileId> {
    let mut words = words(line).skip(1);
    if words.next()? != b"->" {
        return None;
    }
    file_of(words.nth(4)?)
}

/// Device and inode, `08:01:1234`.
fn file_of(text: &[u8]) -> Option<FileId> {
    let mut file = text.split(|&byte| byte == b':');
    let mut device = || u32::from_str_radix(core::str::from_utf8(file.next()?).ok()?, 16).ok();
    let device = rustix::fs::makedev(device()?, device()?);
    let inode = decimal(file.next()?)?;
    Some(FileId { device, inode })
}

/// The words of a line.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_held_flock_counts() {
        let id = FileId {
            device: rustix::fs::makedev(8, 1),
            inode: 1234,
        };
        let file = |line: &str| flocked(line.as_bytes());
        assert_eq!(
            file("1: FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF"),
            Some(id)
        );
        assert_eq!(
            file("1: -> FLOCK  ADVISORY  WRITE 90 08:01:1234 0 EOF"),
            None
        );
        assert_eq!(file("2: POSIX  ADVISORY  WRITE 90 08:01:1234 0 EOF"), None);
        assert_eq!(file("3: FLOCK  ADV"), None);
    }
}
