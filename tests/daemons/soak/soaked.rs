//! A daemon that is soaked: what it does besides starting and ending.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::{evidence, path};

use crate::daemon::Daemon;
use crate::ways::Mode;

/// A daemon that does without the others' ports and files.
pub(super) struct Soaked {
    /// The daemon.
    pub(super) daemon: Daemon,
    /// What has it read its configuration anew.
    pub(super) reload: Option<Signal>,
    /// Its log, and what has it begin a new one when that was renamed.
    pub(super) log: Option<(&'static str, Signal)>,
}

impl Soaked {
    pub(super) const fn of(daemon: Daemon) -> Self {
        Self {
            daemon,
            reload: None,
            log: None,
        }
    }

    /// It reads its configuration anew at this signal.
    pub(super) const fn reloads(self, signal: Signal) -> Self {
        Self {
            reload: Some(signal),
            ..self
        }
    }

    /// It begins this log anew at this signal.
    pub(super) const fn rotates(self, log: &'static str, signal: Signal) -> Self {
        Self {
            log: Some((log, signal)),
            ..self
        }
    }

    /// In which ways it can be started.
    pub(super) fn modes(&self) -> &'static [Mode] {
        match self.daemon.is_static {
            true => &[Mode::Guarded, Mode::Named],
            false => &Mode::ALL,
        }
    }

    /// What logrotate(8) does: the log gets another name, and the daemon is told to begin a new one.
    pub(super) fn rotate(log: &str, signal: Signal, process: &Process) -> Checked {
        let log = path(log);
        let inode = |file| fs::metadata(file).map(|file| file.ino());
        let old = inode(&log).doing(format!("look at {}", log.display()))?;
        let named = log.with_extension("log.1");
        fs::rename(&log, named).doing(format!("rename {}", log.display()))?;
        process.signal(signal).doing("have it begin a new log")?;
        let begun = every_ten_milliseconds(Deadline::seconds(15), || {
            (process.is_dead() || inode(&log).is_ok_and(|new| new != old)).then_some(())
        });
        begun.ok_or_else(|| Failure::new("no new log", evidence()))
    }
}
