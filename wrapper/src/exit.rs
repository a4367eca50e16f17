//! Every exit status, and its meaning.

use nix::sys::signal::Signal;
use pidward_identity::verdict::Class;

/// With what status `pidward` ends. Of `run`, all but the last say that the command did not start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Exit {
    /// Done; of `status`: all daemons are running.
    Success,
    /// A pidfile is stale. LSB: "program is dead and /var/run pid file exists".
    Stale,
    /// A daemon was not stopped, or its pidfile not removed. LSB: "generic or unspecified error".
    Failed,
    /// The command line is not one of ours.
    Usage,
    /// There is no such pidfile. LSB: "program is not running".
    Missing,
    /// It cannot be told, or is not allowed. LSB: "program or service status is unknown", "user had insufficient privilege".
    Unknown,
    /// There is no daemon to be signalled. LSB: "program is not running".
    NotRunning,
    /// A daemon did not end in time, as timeout(1) has it.
    TimedOut,
    /// The command is there and cannot be executed, as the shell has it.
    NotExecutable,
    /// There is no such command, as the shell has it.
    NotFound,
    /// A signal ended the waiting, as the shell has it.
    Interrupted(Signal),
    /// As the daemon ended that `run` stayed in the foreground for.
    Daemon(u8),
}

impl Exit {
    /// The number for exit(3).
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Success => 0,
            Self::Stale | Self::Failed => 1,
            Self::Usage => 2,
            Self::Missing => 3,
            Self::Unknown => 4,
            Self::NotRunning => 7,
            Self::TimedOut => 124,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            Self::Interrupted(signal) => 128 + signal as i32,
            Self::Daemon(status) => status.into(),
        }
    }
}

impl From<Class> for Exit {
    fn from(class: Class) -> Self {
        match class {
            Class::Running => Self::Success,
            Class::Stale => Self::Stale,
            Class::Missing => Self::Missing,
            Class::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_the_highest_number_is_the_greatest() {
        let all = [
            Exit::Success,
            Exit::Stale,
            Exit::Failed,
            Exit::Usage,
            Exit::Missing,
            Exit::Unknown,
            Exit::NotRunning,
            Exit::TimedOut,
            Exit::NotExecutable,
            Exit::NotFound,
            Exit::Interrupted(Signal::SIGINT),
        ];
        assert!(
            all.windows(2)
                .all(|two| two[0] < two[1] && two[0].code() <= two[1].code())
        );
    }
}
