//! Stops a command at one of its system calls, and lets something happen there, ptrace(2).
#![expect(unsafe_code, reason = "ptrace(2) between fork and exec")]

use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use pidward_tests::failure::{Checked, Doing, Failure};

/// Runs the command to its stop of this number, lets `meanwhile` happen, and runs it to its end; its output, or none
/// when it has ended before. Each system call has two stops, before and after it.
pub(crate) fn stopped_at(
    mut command: Command,
    number: usize,
    meanwhile: impl FnOnce() -> Checked,
) -> Checked<Option<Output>> {
    let traced = || Ok(ptrace::traceme()?);
    // SAFETY: makes one system call and touches no memory.
    unsafe { command.pre_exec(traced) };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().doing("start it")?;
    let pid = Pid::from_raw(i32::try_from(child.id()).doing("a PID")?);
    waitpid(pid, None).doing("wait for its start")?;
    // Without the last of these, an execve(2) of the command's own would send it a SIGTRAP, and that ends it once it is
    // let go.
    let options =
        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL | Options::PTRACE_O_TRACEEXEC;
    ptrace::setoptions(pid, options).doing("trace its system calls")?;
    let mut signal = None;
    for _ in 0..=number {
        signal = match next_stop(pid, signal)? {
            Some(signal) => signal,
            None => return Ok(None),
        };
    }
    meanwhile()?;
    ptrace::detach(pid, signal).doing("let it go on")?;
    child.wait_with_output().doing("wait for its end").map(Some)
}

/// Runs to the next system call's entry or exit, and gives the signal that came instead, if one did; none at the end.
fn next_stop(pid: Pid, signal: Option<Signal>) -> Checked<Option<Option<Signal>>> {
    ptrace::syscall(pid, signal).doing("go on")?;
    match waitpid(pid, None).doing("wait for a system call")? {
        WaitStatus::PtraceSyscall(_) | WaitStatus::PtraceEvent(..) => Ok(Some(None)),
        WaitStatus::Stopped(_, signal) => Ok(Some(Some(signal))),
        WaitStatus::Exited(..) => Ok(None),
        other @ (WaitStatus::Signaled(..) | WaitStatus::Continued(_) | WaitStatus::StillAlive) => {
            Err(Failure::new("the test itself", format!("{other:?}")))
        }
    }
}
