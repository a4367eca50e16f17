//! The ways to start a daemon and the ways to end one.

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// How a daemon is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    /// Without pidward: what is expected comes from here.
    Baseline,
    /// `pidward run -- COMMAND`
    Run,
    /// `pidward run -p PIDFILE --no-preload -- COMMAND`
    Guarded,
    /// `LD_PRELOAD=libpidward.so COMMAND`
    Preload,
    /// `pidward run -p PIDFILE -- COMMAND`
    Named,
    /// `pidward run -p PIDFILE -- valgrind COMMAND`
    Memcheck,
}

impl Mode {
    /// Those in which every daemon is compared with its baseline.
    pub(crate) const USUAL: [Self; 3] = [Self::Run, Self::Guarded, Self::Preload];

    /// And the one that takes a preload to a daemon together with the name of a pidfile that it does not write itself.
    pub(crate) const ALL: [Self; 4] = [Self::Run, Self::Guarded, Self::Preload, Self::Named];

    /// Its word in the names of tests and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Run => "run",
            Self::Guarded => "guarded",
            Self::Preload => "preload",
            Self::Named => "named",
            Self::Memcheck => "memcheck",
        }
    }
}

/// How a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// By SIGTERM.
    Term,
    /// By SIGINT.
    Int,
    /// By SIGSEGV.
    Segv,
    /// By SIGABRT.
    Abrt,
    /// By SIGKILL.
    Kill,
    /// By its own stop command.
    Stop,
}

impl Ending {
    /// All, in the order of the table's columns.
    pub(crate) const ALL: [Self; 6] = [
        Self::Term,
        Self::Int,
        Self::Segv,
        Self::Abrt,
        Self::Kill,
        Self::Stop,
    ];

    /// The signal to send; none for the stop command.
    pub(crate) fn signal(self) -> Option<Signal> {
        match self {
            Self::Term => Some(Signal::SIGTERM),
            Self::Int => Some(Signal::SIGINT),
            Self::Segv => Some(Signal::SIGSEGV),
            Self::Abrt => Some(Signal::SIGABRT),
            Self::Kill => Some(Signal::SIGKILL),
            Self::Stop => None,
        }
    }

    /// Its word in the names of tests and in the table.
    pub(crate) fn name(self) -> &'static str {
        self.signal().map_or("stop", Signal::as_str)
    }
}
