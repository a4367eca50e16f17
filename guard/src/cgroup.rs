//! Who is left in the guard's cgroup, cgroups(7): the daemon's own, as the guard was started from there.

use core::ffi::CStr;

use pidward_identity::evidence::GUARD_COMM;
use pidward_identity::pid::Pid;
use pidward_identity::process::ProcDir;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags};

/// Where a hierarchy is mounted, and how its line in /proc/self/cgroup begins: the second version, alone or
/// beside the first, and the one of the first in which systemd keeps its units.
const HIERARCHIES: [(&CStr, &[u8]); 3] = [
    (c"/sys/fs/cgroup", b"0::"),
    (c"/sys/fs/cgroup/unified", b"0::"),
    (c"/sys/fs/cgroup/systemd", b"name=systemd:"),
];

/// Whether nothing but guards is left. `None` when that cannot be told.
pub(crate) fn only_guards_are_left() -> Option<bool> {
    HIERARCHIES
        .iter()
        .find_map(|&(mount, line)| processes_of(mount, line).and_then(only_guards))
}

/// The list of processes in our cgroup of this hierarchy.
fn processes_of(mount: &CStr, line: &[u8]) -> Option<OwnedFd> {
    let mut buffer = [0; 4096];
    let file = open(CWD, c"/proc/self/cgroup", OFlags::RDONLY)?;
    let length = rustix::io::read(file, &mut buffer).ok()?;
    let text = buffer.get_mut(..length)?;
    let entry = text
        .split_inclusive_mut(|&byte| byte == b'\n')
        .find(|entry| is_line_of(entry, line))?;
    // Made a C string in place: the newline becomes its NUL. The path begins with a slash; relative to the mount
    // it is what is behind that.
    *entry.last_mut()? = 0;
    let slash = entry.iter().position(|&byte| byte == b'/')?;
    let path = CStr::from_bytes_until_nul(entry.get(slash.checked_add(1)?..)?).ok()?;
    let mut directory = open(CWD, mount, OFlags::PATH)?;
    if !path.is_empty() {
        directory = open(&directory, path, OFlags::PATH)?;
    }
    open(&directory, c"cgroup.procs", OFlags::RDONLY)
}

/// `0::/path`, or `1:name=systemd:/path`, the number being whatever it is.
fn is_line_of(entry: &[u8], line: &[u8]) -> bool {
    let behind_number = entry.iter().position(|&byte| byte == b':');
    let behind_number = behind_number.and_then(|colon| entry.get(colon.checked_add(1)?..));
    entry.starts_with(line) || behind_number.is_some_and(|entry| entry.starts_with(line))
}

fn open(directory: impl rustix::fd::AsFd, path: &CStr, access: OFlags) -> Option<OwnedFd> {
    rustix::fs::openat(directory, path, access | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Reads the list, a number a line, until somebody is found who is no guard.
fn only_guards(processes: OwnedFd) -> Option<bool> {
    let (mut buffer, mut number, mut found_ourselves) = ([0; 512], 0_i32, false);
    loop {
        let length = rustix::io::read(&processes, &mut buffer).ok()?;
        if length == 0 {
            // A list without us is not our cgroup's: mounted from elsewhere, or seen from another namespace.
            return found_ourselves.then_some(true);
        }
        for &byte in buffer.get(..length)? {
            if byte.is_ascii_digit() {
                number = number.wrapping_mul(10).wrapping_add(i32::from(byte - b'0'));
                continue;
            }
            // 0 stands for a process outside our PID namespace.
            let pid = Pid::new(number);
            if pid == Some(Pid::this_process()) {
                found_ourselves = true;
            } else if pid.is_none_or(|pid| !is_guard_or_gone(pid)) {
                return Some(false);
            }
            number = 0;
        }
    }
}

fn is_guard_or_gone(pid: Pid) -> bool {
    let is_guard = |proc: ProcDir| proc.stat(|stat| stat.comm == GUARD_COMM.to_bytes());
    ProcDir::open(pid).ok().and_then(is_guard).unwrap_or(true)
}
