//! Paths, causes and times as text that stays on its line.

use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{Uid, User};

/// The path, with what would not stay in its line or would not show escaped as in C, and `\` as `\\`.
pub(crate) fn escaped(path: &Path) -> String {
    match path.as_os_str().as_bytes() {
        // Nothing of it would show.
        b"" => "\"\"".to_owned(),
        bytes => escaped_bytes(bytes),
    }
}

/// The same for other bytes that somebody else chose.
pub(crate) fn escaped_bytes(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                hidden if is_hidden(hidden) => {
                    let _ = write!(text, "\\u{{{:x}}}", u32::from(hidden));
                }
                plain => text.push(plain),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Control characters, separators of lines, and those that turn the direction of what follows.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A path as JSON has it: itself, where that is possible.
pub(crate) fn as_json(path: &OsStr) -> String {
    path.to_str()
        .map_or_else(|| escaped_bytes(path.as_bytes()), str::to_owned)
}

/// A user by name, or by number where he has none: `user app`.
pub(crate) fn user(uid: u32) -> String {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    match known {
        Some(user) if uid == 0 => escaped_bytes(user.name.as_bytes()),
        Some(user) => format!("user {}", escaped_bytes(user.name.as_bytes())),
        None => format!("user {uid}"),
    }
}

/// What the error means, without its number, to go on after a colon.
pub(crate) fn cause(error: Errno) -> String {
    let text = error.desc();
    let mut letters = text.chars();
    match letters.next() {
        // "I/O error" is no word of the sentence.
        Some(first)
            if letters
                .clone()
                .next()
                .is_some_and(|second| second.is_lowercase()) =>
        {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// The same for an error of the standard library.
pub(crate) fn cause_of(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |number| cause(Errno::from_raw(number)),
    )
}

/// A time in its two largest units: `3d 4h`.
pub(crate) fn duration(seconds: u64) -> String {
    const UNITS: [(u64, char); 4] = [(86400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
    let largest = UNITS
        .iter()
        .position(|&(length, _)| seconds >= length)
        .unwrap_or(3);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, letter) in UNITS.iter().skip(largest).take(2) {
        parts.push(format!("{}{letter}", rest / length));
        rest %= length;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_path_is_one_line_that_hides_nothing() {
        for (path, line) in [
            (&b"/run/httpd.pid"[..], "/run/httpd.pid"),
            (b"/run/a b\xc3\xa9.pid", "/run/a b\u{e9}.pid"),
            (b"/run/x\ny\t\x1b[31m.pid", "/run/x\\ny\\t\\u{1b}[31m.pid"),
            (b"/run/\xff\\n.pid", "/run/\\xff\\\\n.pid"),
            (b"/run/\xe2\x80\xaedip.x", "/run/\\u{202e}dip.x"),
        ] {
            assert_eq!(escaped_bytes(path), line);
        }
    }

    #[test]
    fn a_duration_has_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3599, "59m 59s"),
            (3 * 86400 + 4 * 3600 + 59, "3d 4h"),
            (86400, "1d 0h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn a_cause_goes_on_in_its_sentence() {
        assert_eq!(cause(Errno::ENOENT), "no such file or directory");
        assert_eq!(cause(Errno::EIO), "I/O error");
    }
}
