//! What stands in pidfiles and records.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use pidward_identity::pid::{self, NotAPid, Pid};
use pidward_identity::pidfile::Pidfile;
use pidward_identity::record::{Record, TEXT_MAX};

use crate::stands_in;

/// As much as is read of a pidfile.
const READ: usize = 64;

fn is_blank(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || *byte == 0
}

/// The first line, without white space before it.
fn first_line(text: &[u8]) -> &[u8] {
    let line = text.split(|&byte| byte == b'\n').next();
    line.unwrap_or_default().trim_ascii_start()
}

/// A process ID in digits alone.
fn in_digits(digits: &[u8]) -> Option<i32> {
    let digits = str::from_utf8(digits).ok()?;
    let number = digits
        .bytes()
        .all(|it| it.is_ascii_digit())
        .then_some(digits);
    number?.parse().ok().filter(|&number| number > 0)
}

/// The number that stands alone on the first line.
fn alone(text: &[u8]) -> Option<i32> {
    let line = first_line(text);
    let end = line.iter().rposition(|byte| !is_blank(byte))?;
    in_digits(&line[..=end])
}

/// A pidfile's text holds a process ID if and only if one stands alone on its first line, whatever follows there.
///
/// # Panics
/// When that is not so.
pub fn pid(data: &[u8]) {
    let parsed = pid::parse(data);
    assert_eq!(parsed.ok().map(Pid::get), alone(data));
    assert_eq!(
        parsed == Err(NotAPid::Empty),
        data.iter().all(is_blank),
        "empty is what is blank"
    );
    if let Ok(pid) = parsed {
        let digits = pid.get().to_string();
        assert!(stands_in(data, &digits));
        let more = [digits.as_bytes(), b"\n", data].concat();
        assert_eq!(pid::parse(&more), Ok(pid), "further lines may follow");
    }
}

/// A pidfile that was looked at holds what it holds as a whole: where only its beginning was read, the number did not go
/// on behind that.
///
/// # Panics
/// When that is not so.
pub fn pidfile(data: &[u8]) {
    let directory = std::env::temp_dir().join(format!("pidward-checks-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join("x.pid"), data).expect("a pidfile");
    let at = CString::new(directory.as_os_str().as_bytes()).expect("a path");
    let look = Pidfile::in_directory(&at, c"x.pid").map(|pidfile| pidfile.look());
    fs::remove_dir_all(&directory).expect("nothing is left");
    let look = look.expect("the directory").expect("a regular file");
    assert_eq!(look.written.size, data.len() as u64);
    let Ok(pid) = look.pid else {
        assert!(alone(data).is_none() || data.len() >= READ);
        return;
    };
    let line = first_line(data);
    let digits = line.iter().take_while(|it| it.is_ascii_digit()).count();
    assert_eq!(Some(pid.get()), in_digits(&line[..digits]));
    assert!(alone(data).is_some() || data.len() > READ);
}

/// A record says each thing once and in range, and written again it is the same.
///
/// # Panics
/// When that is not so.
pub fn record(data: &[u8]) {
    let Ok(record) = Record::parse(data) else {
        return;
    };
    assert!(data.starts_with(b"pidward 1\n") && data.ends_with(b"\nend\n"));
    let lines = |key: &str| {
        let begins = |line: &&[u8]| line.starts_with(key.as_bytes());
        data.split(|&byte| byte == b'\n').filter(begins).count()
    };
    for key in [
        "pid ", "start ", "boot ", "pidns ", "pidfd ", "handle ", "machine ", "exe ", "uid ",
        "file ", "written ", "guard ",
    ] {
        assert_eq!(lines(key), 1, "{key}");
    }
    assert!(record.pid.get() > 0 && record.guard.get() > 0);
    assert!(stands_in(data, &record.pid.get().to_string()));
    assert!(record.written.nanoseconds < 1_000_000_000);
    assert!(!record.exe.contains(&b'\n'));
    let Some(text) = record.text() else {
        assert!(record.exe.len() + 512 > TEXT_MAX, "only a path is so long");
        return;
    };
    let again = Record::parse(&text).expect("what was written is a record");
    let shown = |byte: &u8| if byte.is_ascii_control() { b'?' } else { *byte };
    let exe: Vec<u8> = record.exe.iter().map(shown).collect();
    let exe = exe.as_slice();
    assert_eq!(again, Record { exe, ..record });
    assert_eq!(again.text(), Some(text));
}
