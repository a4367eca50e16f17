//! What the kernel offers, found out by trying.
#![expect(unsafe_code, reason = "a child that only ends")]

use std::fs;

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use pidward_identity::evidence::Offered;
use pidward_identity::pid::Pid;
use pidward_identity::pidfd::{PidFd, Reopened};

/// What it offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kernel {
    /// Its release.
    pub(crate) release: String,
    /// Pidfds, since Linux 5.3. Without them there is no guard.
    pub(crate) pidfd: bool,
    /// Inodes of pidfds, since 6.9.
    pub(crate) inode: bool,
    /// Their file handles, since 6.14.
    pub(crate) handle: bool,
    /// How a process ended, told to others than its parent, since 6.15.
    pub(crate) exit: bool,
    /// renameat2(2) with `RENAME_NOREPLACE`, since 3.15. What a file system makes of it only a renaming would tell.
    pub(crate) noreplace: bool,
    /// How many guards a user can have at most: each takes an instance of inotify(7).
    pub(crate) inotify_instances: Option<u64>,
    /// How many files and directories all of them can watch.
    pub(crate) inotify_watches: Option<u64>,
}

impl Kernel {
    /// Tries what is offered.
    pub(crate) fn look(offered: Offered) -> Self {
        let own = PidFd::open(Pid::this_process())
            .ok()
            .filter(|_| offered.pidfd);
        let inode = own.as_ref().is_some_and(|own| own.inode() != 0);
        let handle = own.as_ref().is_some_and(|own| {
            let again = own.handle().map(|handle| own.reopen(&handle));
            matches!(again, Some(Ok(Reopened::Process(_))))
        });
        Self {
            release: first_line("/proc/sys/kernel/osrelease").unwrap_or_default(),
            pidfd: own.is_some(),
            inode: inode && offered.inode,
            handle: handle && offered.handle,
            exit: own.is_some() && tells_ends(),
            noreplace: has_noreplace(),
            inotify_instances: number("/proc/sys/fs/inotify/max_user_instances"),
            inotify_watches: number("/proc/sys/fs/inotify/max_user_watches"),
        }
    }
}

/// Whether it tells of a child that was reaped how it ended.
fn tells_ends() -> bool {
    // SAFETY: pidward has one thread, and the child calls nothing but _exit(2).
    let child = match unsafe { fork() } {
        Ok(ForkResult::Parent { child }) => child,
        // SAFETY: it ends this process and touches nothing that is the parent's.
        Ok(ForkResult::Child) => unsafe { libc::_exit(0) },
        Err(_) => return false,
    };
    let pidfd = Pid::new(child.as_raw()).and_then(|pid| PidFd::open(pid).ok());
    while waitpid(child, None) == Err(Errno::EINTR) {}
    pidfd.is_some_and(|pidfd| pidfd.reaping_within(0).exit_info().is_some())
}

/// Whether renameat2(2) knows the flag: names that are not there are looked for after the flag was.
fn has_noreplace() -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let nowhere = c"/proc/self/fd/pidward";
    let answer = renameat_with(CWD, nowhere, CWD, nowhere, RenameFlags::NOREPLACE);
    !matches!(
        answer,
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL)
    )
}

fn first_line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(str::to_owned)
}

fn number(path: &str) -> Option<u64> {
    first_line(path)?.parse().ok()
}
