//! The process that a pidfile names, held so that what is acted on is what was looked at.

use rustix::io::Errno;

use crate::pid::Pid;
use crate::pidfd::{self, PidFd};
use crate::process::{ClockTicks, ProcDir};
use crate::signal::Signal;

/// A process, alive when it was looked at.
#[derive(Debug)]
pub enum Owner {
    /// By descriptor: it cannot become another.
    Held(PidFd),
    /// By number, before Linux 5.3. Between a look at its start time and the deed, the number may become another's.
    Numbered(Pid, ClockTicks),
}

impl Owner {
    /// Signals it.
    ///
    /// # Errors
    /// `SRCH` when it is dead, `PERM` when we may not.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        match self {
            Self::Held(pidfd) => pidfd.signal(signal),
            Self::Numbered(..) if self.is_dead() => Err(Errno::SRCH),
            Self::Numbered(pid, _) => pidfd::signal_number(*pid, signal),
        }
    }

    /// Whether it is dead: all its threads are.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        match self {
            Self::Held(pidfd) => pidfd.is_dead(),
            Self::Numbered(pid, start) => {
                let proc = ProcDir::open(*pid).ok();
                let lives = proc.and_then(|proc| {
                    proc.stat(|stat| !stat.is_dead() && stat.start.is_same(*start))
                });
                lives != Some(true)
            }
        }
    }

    /// The descriptor, if it is held by one.
    #[must_use]
    pub fn pidfd(&self) -> Option<&PidFd> {
        match self {
            Self::Held(pidfd) => Some(pidfd),
            Self::Numbered(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no child processes")]
    fn a_numbered_process_is_signalled_only_while_it_is_the_same() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let pid = Pid::new(i32::try_from(child.id()).unwrap()).unwrap();
        let start = ProcDir::open(pid).unwrap().stat(|stat| stat.start).unwrap();
        let another = Owner::Numbered(pid, ClockTicks(start.0 + 2));
        assert_eq!(another.signal(Signal::KILL), Err(Errno::SRCH));
        let same = Owner::Numbered(pid, start);
        assert!(!same.is_dead());
        assert_eq!(same.signal(Signal::KILL), Ok(()));
        let pidfd = PidFd::open(pid).unwrap();
        assert!(pidfd.dies_within(10_000));
        assert!(same.is_dead(), "a zombie is dead");
        child.wait().unwrap();
        assert_eq!(same.signal(Signal::NONE), Err(Errno::SRCH));
    }
}
