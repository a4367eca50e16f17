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
    /// What it says in a log of its own when that is over. For who executes itself: before it catches the signal again, another one
    /// would end it.
    reloaded: Option<(&'static str, &'static str)>,
    /// Its log, and what has it begin a new one when that was renamed.
    pub(super) log: Option<(&'static str, Signal)>,
}

impl Soaked {
    pub(super) const fn of(daemon: Daemon) -> Self {
        Self {
            daemon,
            reload: None,
            reloaded: None,
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

    /// And says these words in this log when it has.
    pub(super) const fn saying(self, log: &'static str, words: &'static str) -> Self {
        Self {
            reloaded: Some((log, words)),
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

    /// Has it read its configuration anew by what signals it so, and waits until it says that it has, where it does.
    pub(super) fn reload_by(&self, signal: impl FnOnce() -> Checked) -> Checked {
        let Some((log, words)) = self.reloaded else {
            return signal();
        };
        let log = path(log);
        let said = || fs::read_to_string(&log).map_or(0, |text| text.matches(words).count());
        let before = said();
        signal()?;
        let over =
            every_ten_milliseconds(Deadline::seconds(15), || (said() > before).then_some(()));
        over.ok_or_else(|| Failure::new("is not done with reloading", evidence()))
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
