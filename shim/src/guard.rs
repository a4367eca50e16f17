//! Starts the guard, unnoticed by the daemon.
//!
//! The guard is looked for as `PIDWARD_GUARD_EXE` names it, beside this library, and where packages install it. One
//! that is not there, or cannot be started, is done without.
#![expect(unsafe_code, reason = "execve(2), in a child")]

use core::ffi::{CStr, c_char, c_int};
use core::ptr::null;

use pidward_identity::evidence::GUARD_COMM;
use pidward_identity::pid::Pid;
use pidward_identity::pidfd::PidFd;
use pidward_identity::pidfile::Pidfile;
use pidward_identity::read;
use rustix::fd::{AsFd, AsRawFd};
use rustix::fs::{CWD, Mode, OFlags};
use syscalls::{Sysno, raw_syscall};

use crate::child;
use crate::paths;
use crate::seen::Room;
use crate::start;

const INSTALLED: &CStr = c"/usr/lib/pidward/pidward-guard";
const NAME: &[u8] = b"pidward-guard";

/// What a child has to know.
struct Daemon<'a> {
    pid: Pid,
    pidfile: &'a Room,
}

/// Starts a guard for the pidfile, unless it was told not to.
pub(crate) fn start(pidfile: &Room) {
    if start::guard_is_off() {
        return;
    }
    child::run_detached(
        execute,
        &Daemon {
            pid: Pid::this_process(),
            pidfile,
        },
    );
}

/// Whether the pidfile holds the PID of this process already. Looked at in a child: this process may hold
/// POSIX locks on the file that it kept over execve(2), and would lose them.
pub(crate) fn holds_this_process(pidfile: &Room) -> bool {
    let exists = Pidfile::in_directory(pidfile.directory(), pidfile.name())
        .is_ok_and(|file| file.id_of(file.name()).is_ok());
    let holds = |daemon: &Daemon<'_>| {
        let look = Pidfile::in_directory(daemon.pidfile.directory(), daemon.pidfile.name())
            .ok()
            .and_then(|file| file.look().ok());
        c_int::from(look.is_some_and(|look| look.pid == Ok(daemon.pid)))
    };
    exists
        && child::run(
            holds,
            &Daemon {
                pid: Pid::this_process(),
                pidfile,
            },
        ) == Some(1)
}

/// Becomes the guard. Runs in a child, which shares the daemon's memory and none of its descriptors.
fn execute(daemon: &Daemon<'_>) -> c_int {
    let mut path = [0; paths::SIZE];
    let Some(path) = paths::joined(&mut path, daemon.pidfile.directory(), daemon.pidfile.name())
    else {
        return 1;
    };
    let arguments = if pass_only_a_pidfd_of(daemon.pid) {
        [GUARD_COMM.as_ptr(), path.as_ptr(), null(), null(), null()]
    } else {
        // The daemon is dead: its pidfile may be there, and will not come any more.
        let (option, value) = (c"--timeout".as_ptr(), c"0".as_ptr());
        [GUARD_COMM.as_ptr(), option, value, path.as_ptr(), null()]
    };
    let [first, second] = start::guard_environment().map(|entry| entry.map(CStr::as_ptr));
    let present = first.or(second);
    let environment = [
        present.unwrap_or(null()),
        second.filter(|_| first.is_some()).unwrap_or(null()),
        null(),
    ];
    if let Some(guard) = start::guard_exe() {
        execve(guard, &arguments, &environment);
    }
    let mut beside = [0; paths::SIZE];
    if let Some(guard) = beside_this_library(&mut beside) {
        execve(guard, &arguments, &environment);
    }
    execve(INSTALLED, &arguments, &environment);
    127
}

/// Leaves descriptor 0 open, a pidfd of the daemon, from which the guard learns whose pidfile it waits for.
/// Where there is no `close_range(2)`, before Linux 5.9, the guard closes the rest itself.
/// `false` when the daemon is dead already.
fn pass_only_a_pidfd_of(daemon: Pid) -> bool {
    // SAFETY: the descriptors are copies, and none is used after this.
    unsafe { raw_syscall!(Sysno::close_range, 0, u32::MAX, 0) };
    let pidfd = PidFd::open(daemon);
    let lives = !matches!(pidfd, Err(rustix::io::Errno::SRCH));
    if let Ok(pidfd) = pidfd {
        let fd = pidfd.as_fd().as_raw_fd();
        if fd == 0 {
            // SAFETY: clears the flag FD_CLOEXEC of a descriptor of ours.
            unsafe { raw_syscall!(Sysno::fcntl, fd, libc::F_SETFD, 0) };
            core::mem::forget(pidfd);
        } else {
            // SAFETY: what 0 stands for in this process is a copy that nobody uses.
            unsafe { raw_syscall!(Sysno::dup3, fd, 0, 0) };
        }
    }
    lives
}

fn execve(program: &CStr, arguments: &[*const c_char; 5], environment: &[*const c_char; 3]) {
    if program.to_bytes().first() == Some(&b'/') {
        // SAFETY: both arrays hold C strings and end with a null pointer; returns only when it did nothing.
        unsafe {
            raw_syscall!(
                Sysno::execve,
                program.as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr()
            )
        };
    }
}

/// The guard in the directory that this library was loaded from, as /proc/self/maps has it: absolute, and right
/// also where the daemon was started with a relative LD_PRELOAD and has changed its directory since.
fn beside_this_library(path: &mut paths::Text) -> Option<&CStr> {
    let address = (start as *const ()).addr();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let maps = rustix::fs::openat(CWD, c"/proc/self/maps", flags, Mode::empty()).ok()?;
    let mut length = None;
    read::lines::<8192>(maps.as_fd(), |line| {
        let directory = mapped(line, address).and_then(|library| {
            let slash = library.iter().rposition(|&byte| byte == b'/')?;
            library.get(..slash.checked_add(1)?)
        });
        length = directory.and_then(|directory| paths::write(path, [directory, NAME, b"\0"]));
        length.is_none()
    })
    .ok()?;
    CStr::from_bytes_with_nul(path.get(..length?)?).ok()
}

/// The file of a line `7f00-7f10 r-xp 00000000 08:01 1234   /path` that the address lies in.
fn mapped(line: &[u8], address: usize) -> Option<&[u8]> {
    let mut words = core::str::from_utf8(line.get(..line.iter().position(|&byte| byte == b' ')?)?)
        .ok()?
        .split('-');
    let mut bound = || usize::from_str_radix(words.next()?, 16).ok();
    let (start, end) = (bound()?, bound()?);
    if !(start..end).contains(&address) {
        return None;
    }
    line.get(line.iter().position(|&byte| byte == b'/')?..)
}
