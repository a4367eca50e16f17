//! Starts the command as a child, which finds everything as if it had been executed in our place, but for its PID.
#![expect(unsafe_code, reason = "fork, and what ends the child of it")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{ForkResult, fork, pipe2};
use pidward_identity::pid::Pid;

use super::reaping;
use super::signals::Signals;
use crate::command::run::{self, Ready};
use crate::exit::Exit;
use crate::program::Unrunnable;

/// Starts it. Returns when it runs; where there are no descriptors for a pipe, at once: then a command that cannot be run
/// ends as one that cannot.
///
/// # Errors
/// Why it does not run.
pub(super) fn start(ready: &Ready, signals: &Signals) -> Result<Pid, Unrunnable> {
    let (answer, report) = pipe2(OFlag::O_CLOEXEC).ok().unzip();
    // SAFETY: this process has one thread, so its copy may go on as it could.
    let child = match unsafe { fork() }.map_err(Unrunnable::Refused)? {
        ForkResult::Child => {
            signals.give_back();
            let why = ready.exec();
            let exit = match report {
                Some(report) => {
                    say_why_not(report, why);
                    Exit::NotFound
                }
                None => run::refuse(&ready.name, why),
            };
            // SAFETY: ends the process. What it owns is the parent's to clean up.
            unsafe { libc::_exit(exit.code()) }
        }
        ForkResult::Parent { child } => child,
    };
    drop(report);
    let child = Pid::new(child.as_raw()).ok_or(Unrunnable::Refused(Errno::ESRCH))?;
    let mut number = [0; 4];
    match answer.map(|it| File::from(it).read_exact(&mut number)) {
        Some(Ok(())) => {
            reaping::reap(child);
            Err(reason(i32::from_ne_bytes(number)))
        }
        // Nothing came, because execve(2) has closed the other end.
        Some(Err(_)) | None => Ok(child),
    }
}

/// The reasons that are no error numbers.
const REASONS: [(i32, Unrunnable); 4] = [
    (-1, Unrunnable::NotFound),
    (-2, Unrunnable::Directory),
    (-3, Unrunnable::Binary),
    (-4, Unrunnable::NoInterpreter),
];

fn say_why_not(report: OwnedFd, why: Unrunnable) {
    let number = if let Unrunnable::Refused(error) = why {
        error as i32
    } else {
        let reason = REASONS.iter().find(|(_, reason)| *reason == why);
        reason.map_or(0, |(number, _)| *number)
    };
    let _ = File::from(report).write_all(&number.to_ne_bytes());
}

fn reason(number: i32) -> Unrunnable {
    let reason = REASONS.iter().find(|(its, _)| *its == number);
    reason.map_or_else(
        || Unrunnable::Refused(Errno::from_raw(number)),
        |(_, reason)| *reason,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_comes_through_the_pipe_as_it_was() {
        let plain = REASONS.into_iter().map(|(_, reason)| reason);
        for why in plain.chain([Unrunnable::Refused(Errno::EACCES)]) {
            let (answer, report) = pipe2(OFlag::O_CLOEXEC).unwrap();
            say_why_not(report, why);
            let mut number = [0; 4];
            File::from(answer).read_exact(&mut number).unwrap();
            assert_eq!(reason(i32::from_ne_bytes(number)), why);
        }
    }
}
