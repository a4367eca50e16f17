//! Starts a guard, unnoticed by what this process becomes.
//!
//! The guard is to be nobody's child but init's, so a middle process starts it and ends at once. That one is
//! made without an exit signal: a SIGCHLD, were it blocked, would still wait for the command after execve(2).
//! It is reaped here, so that the command finds neither a child nor a zombie.
#![expect(unsafe_code, reason = "clone and fork, and what is allowed after them")]

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, execve, fork, pipe2};

use pidward_identity::pid::Pid;

use crate::environment::Environment;

/// What the guard is called until it names itself after its pidfile.
const NAME: &CStr = c"pidward: guard";

/// The variables that the guard reads: they say where the links to recorded pidfiles are.
const VARIABLES: [&str; 2] = ["HOME", "XDG_STATE_HOME"];

/// Enough for the middle process, which only forks.
const STACK: usize = 256 * 1024;

/// A guard that is ready to be started. All that needs memory is done before there is a second process.
struct Guard {
    executable: CString,
    arguments: Vec<CString>,
    environment: Environment,
    /// This process, for the guard to see whether the command lives; none before Linux 5.3.
    starter: Option<OwnedFd>,
    /// Where it reports why it could not be executed.
    report: OwnedFd,
}

/// What a guard is told besides its pidfile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Nothing more.
    Nothing,
    /// The pidfile is there and names a living process: nobody else is to be waited for. With a number, the user vouches that it
    /// means this process.
    ToAdopt(Option<Pid>),
    /// Nobody will write the pidfile once its starter has ended.
    StarterStays,
}

/// Starts the guard of a pidfile, and returns when it runs.
///
/// # Errors
/// Why it does not.
pub(crate) fn start(
    executable: &Path,
    pidfile: CString,
    told: Told,
    environment: &Environment,
) -> Result<(), Errno> {
    let mut arguments = vec![NAME.to_owned(), c"--named".to_owned()];
    if told != Told::Nothing {
        arguments.extend([c"--timeout".to_owned(), c"0".to_owned()]);
    }
    if let Told::ToAdopt(Some(pid)) = told {
        let number = CString::new(pid.get().to_string()).map_err(|_| Errno::EINVAL)?;
        arguments.extend([c"--vouched".to_owned(), number]);
    }
    arguments.push(pidfile);
    let (answer, report) = pipe2(OFlag::O_CLOEXEC)?;
    let guard = Guard {
        executable: CString::new(executable.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?,
        arguments,
        environment: environment.only(&VARIABLES),
        starter: own_pidfd()
            .map(|fd| above_standard(fd.as_fd()))
            .transpose()?,
        report: above_standard(report.as_fd())?,
    };
    drop(report);
    start_middle(&guard)?;
    drop(guard);
    let mut error = [0; 4];
    match File::from(answer).read_exact(&mut error) {
        Ok(()) => Err(Errno::from_raw(i32::from_ne_bytes(error))),
        // Nothing came, because execve(2) has closed the other end.
        Err(_) => Ok(()),
    }
}

/// A descriptor of this process, `pidfd_open(2)`.
fn own_pidfd() -> Option<OwnedFd> {
    let own = nix::unistd::getpid().as_raw();
    // SAFETY: the system call takes two integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, own, 0) };
    let fd = i32::try_from(fd).ok().filter(|&fd| fd >= 0)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The same, under a number that is not a standard descriptor's: those may be closed, and so be next in line.
fn above_standard(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let number = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(libc::STDERR_FILENO + 1))?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Starts the middle process and waits until it has ended.
fn start_middle(guard: &Guard) -> Result<(), Errno> {
    let mut stack = vec![0; STACK];
    let middle = Box::new(|| {
        // The guard is not to die of a ^C that was meant for the command.
        let blocked = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None);
        // SAFETY: this process has one thread, so its copy may go on as it could.
        match blocked.and_then(|()| unsafe { fork() }) {
            Ok(ForkResult::Child) => guard.report(REPORT, guard.exec()),
            Ok(ForkResult::Parent { .. }) => {}
            Err(error) => guard.report(guard.report.as_raw_fd(), error),
        }
        0
    });
    // SAFETY: pidward has one thread and the memory is not shared, so the child may go on as we could; the stack
    // is large enough for a fork and an execve.
    let middle = unsafe { clone(middle, &mut stack, CloneFlags::empty(), None) }?;
    // Without an exit signal it is a child for __WALL only.
    while let Err(Errno::EINTR) = waitpid(middle, Some(WaitPidFlag::__WALL)) {}
    Ok(())
}

impl Guard {
    /// Becomes the guard. Descriptor 0 is the pidfd of the process that is to be the command, and there are no
    /// others: the one for the report goes with execve(2). It comes back only with the reason why not.
    fn exec(&self) -> Errno {
        match &self.starter {
            Some(starter) => move_to(starter, 0, 0),
            None => close(0),
        }
        move_to(&self.report, REPORT, libc::O_CLOEXEC);
        close_from(REPORT + 1);
        let environment = self.environment.entries();
        let Err(error) = execve(&self.executable, &self.arguments, environment);
        error
    }

    /// Says why there is no guard, in the middle process or in that which was to be the guard.
    fn report(&self, report: i32, error: Errno) {
        let number = (error as i32).to_ne_bytes();
        // SAFETY: the bytes are there; should the descriptor not be, nobody waits for the answer.
        unsafe { libc::write(report, number.as_ptr().cast(), number.len()) };
    }
}

/// Where the guard-to-be has the pipe for its report.
const REPORT: i32 = libc::STDOUT_FILENO;

/// Duplicates a descriptor to this number, whatever that was before.
fn move_to(fd: &OwnedFd, number: i32, flags: i32) {
    // SAFETY: numbers below 3 have no owner here: they were inherited, or not open.
    unsafe { libc::dup3(fd.as_raw_fd(), number, flags) };
}

fn close(number: i32) {
    // SAFETY: only called in the process that becomes the guard or ends; what owns the descriptor there is never
    // dropped and never used again.
    unsafe { libc::close(number) };
}

/// Closes this descriptor and all above it.
fn close_from(first: i32) {
    // SAFETY: as for `close`.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_int::MAX, 0) };
    if closed == 0 {
        return;
    }
    // Before Linux 5.9.
    let open = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let numbers: Vec<i32> = numbers.filter(|&number| number >= first).collect();
    numbers.into_iter().for_each(close);
}
