//! Every exit status, and its meaning.

use pidward_identity::verdict::Class;

/// With what status `pidward` ends. Of `run`, all but the last say that the command did not start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Exit {
    /// Done; of `status`: all daemons are running.
    Success,
    /// A pidfile is stale. LSB: "program is dead and /var/run pid file exists".
    Stale,
    /// The command line is not one of ours.
    Usage,
    /// There is no such pidfile. LSB: "program is not running".
    Missing,
    /// It cannot be told. LSB: "program or service status is unknown".
    Unknown,
    /// The command is there and cannot be executed, as the shell has it.
    NotExecutable,
    /// There is no such command, as the shell has it.
    NotFound,
    /// As the daemon ended that `run` stayed in the foreground for.
    Daemon(u8),
}

impl Exit {
    /// The number for exit(3).
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Success => 0,
            Self::Stale => 1,
            Self::Usage => 2,
            Self::Missing => 3,
            Self::Unknown => 4,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
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
            Exit::Usage,
            Exit::Missing,
            Exit::Unknown,
            Exit::NotExecutable,
            Exit::NotFound,
        ];
        assert!(
            all.windows(2)
                .all(|two| two[0] < two[1] && two[0].code() < two[1].code())
        );
    }
}
