//! A process ID, and the one that a pidfile's text holds.

use core::num::NonZeroI32;

/// A process ID, 1 or more, as a process of our own PID namespace sees it.
///
/// It is a number, not a process: by the time it is used it may be another's. [`crate::pidfd::PidFd`] is a
/// process. It is never 0 (the caller's process group) or negative (a process group, see kill(2)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// The number as a process ID; `None` for 0 and below.
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        match NonZeroI32::new(number) {
            Some(number) if number.get() > 0 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0.get()
    }

    /// The calling process, getpid(2), asked of the kernel each time: right in a child of vfork(2) too.
    #[must_use]
    pub fn this_process() -> Self {
        rustix::process::getpid().into()
    }
}

impl From<rustix::process::Pid> for Pid {
    fn from(pid: rustix::process::Pid) -> Self {
        Self(pid.as_raw_nonzero())
    }
}

impl From<Pid> for rustix::process::Pid {
    fn from(pid: Pid) -> Self {
        Self::from_raw(pid.get()).unwrap_or(Self::INIT)
    }
}

/// Why a pidfile's text names no process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAPid {
    /// Nothing, or nothing but white space: a daemon that has created its pidfile and not yet written it.
    Empty,
    /// Something else than one process ID.
    Garbled,
}

/// The process ID that a pidfile's text holds: alone on the first line, in decimal.
///
/// White space around it is accepted (the `"%10d\n"` of UUCP lock files, CRLF), leading zeros too, and NUL
/// bytes behind it, which daemons that write `strlen + 1` bytes leave there. Further lines may follow
/// (`PostgreSQL` writes eight).
///
/// # Errors
/// [`NotAPid`], when there is no such number, more than one, or one that is no process ID.
pub fn parse(text: &[u8]) -> Result<Pid, NotAPid> {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    if text.iter().all(blank) {
        return Err(NotAPid::Empty);
    }
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let number = line.trim_ascii_start();
    let digits = number.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = number.split_at(digits);
    if !rest.iter().all(blank) {
        return Err(NotAPid::Garbled);
    }
    decimal(digits)
        .and_then(|number| i32::try_from(number).ok())
        .and_then(Pid::new)
        .ok_or(NotAPid::Garbled)
}

/// A decimal number of digits only; `None` for anything else, and for what does not fit.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The same with or without a minus in front.
pub(crate) fn signed(digits: &[u8]) -> Option<i64> {
    match digits.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(decimal(digits)?),
        None => i64::try_from(decimal(digits)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_on_the_first_line_is_a_pid() {
        for text in [
            "15",
            "15\n",
            "        15\n",
            "15\r\n",
            "0015\n",
            "15 \n",
            "15\n\0",
            "15\0\0",
            "15\n/data\n17\n",
        ] {
            assert_eq!(parse(text.as_bytes()).map(Pid::get), Ok(15), "{text:?}");
        }
    }

    #[test]
    fn a_blank_file_is_empty_and_not_garbled() {
        for text in ["", "\n", "  \n", "\0"] {
            assert_eq!(parse(text.as_bytes()), Err(NotAPid::Empty), "{text:?}");
        }
    }

    #[test]
    fn whatever_else_a_file_holds_is_garbled() {
        for text in [
            "abc",
            "-1",
            "0",
            "1 2",
            "99999999999999999999",
            "1\x002",
            "15x",
            "+15",
            "2147483648",
            "\n15\n",
            "0x10",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(NotAPid::Garbled), "{text:?}");
        }
    }
}
