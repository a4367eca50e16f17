//! What proc(5) tells about the processes of this PID namespace.

use std::fs;
use std::path::PathBuf;

use crate::failure::{Checked, Doing};

/// One process as /proc shows it at one moment.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its PID.
    pub pid: i32,
    /// Its parent's.
    pub parent: i32,
    /// The letter of its state; `Z` is a zombie.
    pub state: char,
    /// Its name as the kernel keeps it, 15 bytes at most.
    pub comm: String,
    /// The program it runs, as a path; empty for a zombie.
    pub exe: PathBuf,
    /// Its command line, for people.
    pub command: String,
}

impl Seen {
    fn look(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may itself contain ") ": what follows the last one is plain.
        let (head, tail) = stat.rsplit_once(") ")?;
        let mut fields = tail.split(' ');
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        Some(Self {
            pid,
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            comm: head.split_once('(')?.1.to_owned(),
            exe: fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default(),
            command: String::from_utf8_lossy(&command)
                .replace('\0', " ")
                .trim_end()
                .to_owned(),
        })
    }

    /// Whether it is a process of pidward's: the command or a guard.
    #[must_use]
    pub fn is_pidward(&self) -> bool {
        let program = self
            .exe
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        program.starts_with("pidward") || self.comm.starts_with("pidward")
    }

    /// Whether it is dead and only waits to be reaped.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z' || self.state == 'X'
    }
}

/// The wait status of a zombie, which its parent has not asked for yet. Since Linux 3.5.
#[must_use]
pub fn wait_status(zombie: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{zombie}/stat")).ok()?;
    let (_, tail) = stat.rsplit_once(") ")?;
    // Field 52, and the first of the tail is the third.
    tail.trim_end().split(' ').nth(52 - 3)?.parse().ok()
}

/// Whether a process is under a seccomp filter.
#[must_use]
pub fn is_filtered(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_some_and(|mode| mode.trim() == "2")
}

/// All processes but the first one, which is the test itself.
#[must_use]
pub fn others() -> Vec<Seen> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != 1)
        .filter_map(Seen::look)
        .collect()
}

/// The processes of pidward's that live.
#[must_use]
pub fn pidwards() -> Vec<Seen> {
    others()
        .into_iter()
        .filter(|seen| seen.is_pidward() && !seen.is_zombie())
        .collect()
}

/// A descriptor of a process.
#[derive(Debug)]
pub struct Descriptor {
    /// Its number there.
    pub number: i32,
    /// Where it leads, as readlink(2) says it.
    pub leads_to: PathBuf,
    /// Whether it may be written to.
    pub is_to_write: bool,
}

/// The descriptors of a process.
#[must_use]
pub fn descriptors(pid: i32) -> Vec<Descriptor> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let descriptor = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = i32::from_str_radix(flags.trim(), 8).ok()?;
        let leads_to = fs::read_link(entry.path()).ok()?;
        Some(Descriptor {
            number,
            leads_to,
            is_to_write: flags & libc::O_ACCMODE != libc::O_RDONLY,
        })
    };
    entries.filter_map(descriptor).collect()
}

/// How much of its memory is a process's alone, in KiB.
///
/// # Errors
/// When it cannot be asked.
pub fn private_kib(pid: i32) -> Checked<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).doing("its memory")?;
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("Private_"));
    let kib = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(kib.sum())
}

/// The inodes of the files that a process watches by inotify(7), as proc_pid_fdinfo(5) shows them.
#[must_use]
pub fn watched(pid: i32) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo"))
        .into_iter()
        .flatten()
        .flatten();
    let mut inodes = Vec::new();
    for info in entries.filter_map(|entry| fs::read_to_string(entry.path()).ok()) {
        let watches = info.lines().filter(|line| line.starts_with("inotify "));
        let of = watches.filter_map(|line| line.split(' ').find_map(|it| it.strip_prefix("ino:")));
        inodes.extend(of.filter_map(|inode| u64::from_str_radix(inode, 16).ok()));
    }
    inodes
}

/// One line a process, for the evidence of a failure.
#[must_use]
pub fn listing() -> String {
    let line = |seen: Seen| {
        format!(
            "  {:>5} {:>5} {} {:<15} {}\n",
            seen.pid, seen.parent, seen.state, seen.comm, seen.command
        )
    };
    others().into_iter().map(line).collect()
}
