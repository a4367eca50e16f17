//! The dead of our tree, and those who are left of it.
//!
//! A dead child is looked at before it is reaped: until then its number is nobody else's, and a pidfile that holds the
//! number means it. Whichever status a process ended with, wait(2) gives it: nix knows no signals above 31.
#![expect(unsafe_code, reason = "waitid and waitpid for any status")]

use std::fs;
use std::mem::MaybeUninit;
use std::path::PathBuf;

use nix::errno::Errno;
use pidward_identity::evidence::GUARD_COMM;
use pidward_identity::pid::Pid;
use pidward_identity::pidfd::{PidFd, Reaping};
use pidward_identity::process::ProcDir;

use crate::guards::guarded_by;

/// How a process ended: a wait status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ended(i32);

impl Ended {
    /// The exit status that shells have for it: its own, or 128 and the signal.
    pub(super) fn status(self) -> u8 {
        let status = match self.0 & 0x7f {
            0 => self.0 >> 8,
            signal => 128 + signal,
        };
        status.to_le_bytes()[0]
    }

    /// How a dead process ended whose parent is another one. Until that has reaped it, /proc tells, `exit_code` of
    /// `proc_pid_stat(5)`; after that the pidfd, since Linux 6.15.
    pub(super) fn of_anothers_child(pid: Pid, pidfd: &PidFd) -> Option<Self> {
        let stat = fs::read(format!("/proc/{}/stat", pid.get())).unwrap_or_default();
        match pidfd.reaping_within(0) {
            // The number was its own when /proc was read.
            Reaping::Pending => String::from_utf8_lossy(&stat)
                .rsplit(' ')
                .next()
                .and_then(|code| code.trim().parse().ok())
                .map(Self),
            Reaping::Done(info) => info.map(|info| Self(info.wait_status)),
        }
    }
}

/// A child that is dead and not reaped yet.
pub(super) fn dead_child() -> Option<Pid> {
    next_dead().ok().flatten()
}

/// Looks for a dead child, and leaves it as it is. `ECHILD` when there is no child at all.
fn next_dead() -> Result<Option<Pid>, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    // SAFETY: the kernel writes to `info` and nothing else.
    let answer = unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options) };
    Errno::result(answer)?;
    // SAFETY: zeros are a siginfo, and so is what the kernel wrote over them.
    let info = unsafe { info.assume_init() };
    // SAFETY: of a siginfo by waitid(2) this field is set; without a dead child it is 0.
    Ok(Pid::new(unsafe { info.si_pid() }))
}

/// Reaps this child, which is dead or about to be.
pub(super) fn reap(child: Pid) -> Option<Ended> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes to `status` and nothing else.
        let reaped = unsafe { libc::waitpid(child.get(), &raw mut status, libc::__WALL) };
        match Errno::result(reaped) {
            Ok(_) => return Some(Ended(status)),
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Whether nothing is left of the tree but guards: whoever loses his parent becomes our child.
pub(super) fn only_guards_are_left() -> bool {
    if next_dead() == Err(Errno::ECHILD) {
        return true;
    }
    let children = children();
    // There are some; when /proc does not show them, nobody knows what they are.
    !children.is_empty() && children.into_iter().all(is_guard)
}

/// The children, dead or alive.
pub(super) fn children() -> Vec<Pid> {
    // One that dies while the kernel makes its list may hide another, says proc(5).
    listed()
        .filter(|_| dead_child().is_none())
        .unwrap_or_else(searched)
}

/// The pidfiles of the guards among the children.
pub(super) fn guarded() -> impl Iterator<Item = PathBuf> {
    children().into_iter().filter_map(guarded_by)
}

/// As `proc_pid_task_children(5)` has them; not every kernel is built with it.
fn listed() -> Option<Vec<Pid>> {
    let list = fs::read_to_string("/proc/thread-self/children").ok()?;
    let pids = list.split_ascii_whitespace();
    Some(
        pids.filter_map(|pid| pid.parse().ok().and_then(Pid::new))
            .collect(),
    )
}

fn searched() -> Vec<Pid> {
    let own = Some(Pid::this_process());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Pid::new)
        .filter(|&pid| parent(pid) == own)
        .collect()
}

fn parent(pid: Pid) -> Option<Pid> {
    ProcDir::open(pid).ok()?.stat(|stat| stat.parent)?
}

/// Whether we are its parent, or the parent of its parent, and so on.
pub(super) fn is_descendant(pid: Pid) -> bool {
    let own = Pid::this_process();
    std::iter::successors(Some(pid), |&pid| parent(pid))
        .skip(1)
        .any(|ancestor| ancestor == own)
}

/// Whether this is a guard.
pub(super) fn is_guard(pid: Pid) -> bool {
    guarded_by(pid).is_some()
}

/// Whether this is a dead guard, which has no arguments any more.
pub(super) fn was_guard(pid: Pid) -> bool {
    let comm = ProcDir::open(pid).ok();
    let comm = comm.and_then(|proc| proc.stat(|stat| stat.comm == GUARD_COMM.to_bytes()));
    comm == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_as_shells_have_it() {
        for (wait_status, status) in [
            (0, 0),
            (7 << 8, 7),
            (255 << 8, 255),
            (9, 137),
            (15, 143),
            (64, 192),
            (0x80 | 11, 139),
        ] {
            assert_eq!(Ended(wait_status).status(), status);
        }
    }
}
