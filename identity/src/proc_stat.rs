//! `/proc/PID/stat` and `/proc/PID/status`, from bytes. See `proc_pid_stat(5)`, `proc_pid_status(5)`.

use crate::pid::{Pid, decimal};
use crate::process::ClockTicks;

/// The flag of a kernel thread in field 9 (`PF_KTHREAD`, include/linux/sched.h).
const PF_KTHREAD: u64 = 0x0020_0000;

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat<'a> {
    /// The command name, field 2, at most 15 bytes of whatever the process chose.
    pub comm: &'a [u8],
    /// The state, field 3: `Z` is a zombie, which may still have living threads.
    pub state: u8,
    /// The parent, field 4; `None` where it is outside this PID namespace.
    pub parent: Option<Pid>,
    /// Whether it is a thread of the kernel, field 9.
    pub kernel_thread: bool,
    /// How many threads it has, field 20.
    pub threads: u64,
    /// When it started, field 22.
    pub start: ClockTicks,
}

impl<'a> Stat<'a> {
    /// Reads the one line. Fields are counted after the last `)`: a name may contain `) R 1`.
    /// `None` when it is not such a line.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')')?;
        let comm = line.get(open.checked_add(1)?..close)?;
        let rest = line.get(close.checked_add(1)?..)?;
        let mut fields = rest.trim_ascii().split(|&byte| byte == b' ');
        let state = *fields.next()?.first()?;
        let parent = decimal(fields.next()?)?;
        let flags = decimal(fields.nth(4)?)?;
        let threads = decimal(fields.nth(10)?)?;
        let start = decimal(fields.nth(1)?)?;
        Some(Self {
            comm,
            state,
            parent: i32::try_from(parent).ok().and_then(Pid::new),
            kernel_thread: flags & PF_KTHREAD != 0,
            threads,
            start: ClockTicks(start),
        })
    }

    /// Whether all its threads are dead. A first thread that has ended looks like a zombie while others live.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }
}

/// The rest of the line of `/proc/PID/status` that begins with this key, without white space around it.
#[must_use]
pub fn status_line<'a>(status: &'a [u8], key: &str) -> Option<&'a [u8]> {
    status
        .split(|&byte| byte == b'\n')
        .find_map(|line| value(line, key))
}

/// The same of one line.
#[must_use]
pub fn value<'a>(line: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(key.as_bytes())?.strip_prefix(b":")?;
    Some(rest.trim_ascii())
}

/// The numbers of such a line: `Uid` has real, effective, saved and file system user, `NSpid` the number in
/// each nested namespace.
pub fn numbers(line: &[u8]) -> impl Iterator<Item = u64> + '_ {
    line.split(u8::is_ascii_whitespace).filter_map(decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"812 (ap) R 1 (x) S 1 812 812 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 3 0 51234 99 9 18446744073709551615 1\n";

    #[test]
    fn fields_are_counted_after_the_last_parenthesis() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!(stat.comm, b"ap) R 1 (x");
        assert_eq!(
            (stat.state, stat.parent, stat.kernel_thread),
            (b'S', Pid::new(1), false)
        );
        assert_eq!(stat.start, ClockTicks(51234));
    }

    #[test]
    fn a_zombie_with_living_threads_is_not_dead() {
        let dead = |state: &str, threads: &str| {
            let line = String::from_utf8(LINE.to_vec()).unwrap();
            let line = line.replacen(") S 1", &format!(") {state} 1"), 1);
            let line = line.replacen(" 20 0 3 0 ", &format!(" 20 0 {threads} 0 "), 1);
            Stat::parse(line.as_bytes()).unwrap().is_dead()
        };
        assert!(dead("Z", "1") && dead("X", "0"));
        assert!(!dead("Z", "2") && !dead("S", "1"));
    }

    #[test]
    fn no_cut_of_a_line_panics() {
        for end in 0..LINE.len() {
            let _ = Stat::parse(&LINE[..end]);
        }
    }

    #[test]
    fn a_status_line_is_found_by_its_whole_key() {
        let status = b"Name:\tx\nNStgid:\t7\nTgid:\t812\nUid:\t0\t33\t33\t33\n";
        assert_eq!(status_line(status, "Tgid"), Some(&b"812"[..]));
        assert_eq!(
            numbers(status_line(status, "Uid").unwrap()).nth(1),
            Some(33)
        );
        assert_eq!(status_line(status, "Gid"), None);
    }
}
