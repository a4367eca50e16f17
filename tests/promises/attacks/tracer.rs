//! Stops a command at one of its system calls, and lets something happen there, ptrace(2).
#![expect(unsafe_code, reason = "ptrace(2) between fork and exec")]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use pidward_tests::failure::{Checked, Doing, Failure};

/// Runs the command to its stop of this number, lets `meanwhile` happen, and runs it to its end; its output, or none
/// when it has ended before. Each system call has two stops, before and after it.
pub(crate) fn stopped_at(
    command: Command,
    number: usize,
    meanwhile: impl FnOnce() -> Checked,
) -> Checked<Option<Output>> {
    let mut traced = Traced::start(command)?;
    for _ in 0..=number {
        if !traced.goes_on()? {
            return Ok(None);
        }
    }
    meanwhile()?;
    let output = traced.let_go()?.wait_with_output();
    output.doing("wait for its end").map(Some)
}

/// It ended with one of these statuses, and not by a panic.
pub(crate) fn ends_with(output: &Output, codes: &[i32], what: &str) -> Checked {
    let panicked = String::from_utf8_lossy(&output.stderr).contains("panicked");
    match output.status.code() {
        Some(code) if codes.contains(&code) && !panicked => Ok(()),
        _ => Err(Failure::new("another end", what)),
    }
}

/// A process that stops at each of its system calls.
pub(crate) struct Traced {
    child: Child,
    pid: Pid,
    /// What came instead of the last stop, and is to be delivered.
    signal: Option<Signal>,
}

impl Traced {
    /// Starts it; it is at its execve(2).
    pub(crate) fn start(mut command: Command) -> Checked<Self> {
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
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::setoptions(pid, options).doing("trace its system calls")?;
        Ok(Self {
            child,
            pid,
            signal: None,
        })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Lets it run to the next entry to a system call, or exit from one. `false` when it has ended instead.
    pub(crate) fn goes_on(&mut self) -> Checked<bool> {
        ptrace::syscall(self.pid, self.signal.take()).doing("go on")?;
        match waitpid(self.pid, None).doing("wait for a system call")? {
            WaitStatus::PtraceSyscall(_) | WaitStatus::PtraceEvent(..) => Ok(true),
            WaitStatus::Stopped(_, signal) => {
                self.signal = Some(signal);
                Ok(true)
            }
            WaitStatus::Exited(..) => Ok(false),
            other @ (WaitStatus::Signaled(..)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive) => Err(Failure::new("the test itself", format!("{other:?}"))),
        }
    }

    /// Whether it stops at poll(2), in whichever form.
    pub(crate) fn is_at_poll(&self) -> bool {
        let now = std::fs::read_to_string(format!("/proc/{}/syscall", self.pid));
        let number = format!("{} ", libc::SYS_ppoll);
        now.is_ok_and(|now| now.starts_with(&number))
    }

    /// Ends it where it stops.
    pub(crate) fn kill(mut self) -> Checked {
        self.child.kill().doing("kill it")?;
        self.child.wait().doing("wait for its end").map(drop)
    }

    /// Lets it run as if nobody had traced it.
    pub(crate) fn let_go(self) -> Checked<Child> {
        ptrace::detach(self.pid, self.signal).doing("let it go on")?;
        Ok(self.child)
    }
}
