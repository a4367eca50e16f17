//! Removes what a dead daemon has left: its pidfile, and its record. Where a guard is at work, that does it.

use std::time::Duration;

use pidward_identity::lock;
use pidward_identity::pid::Pid;
use pidward_identity::pidfile::{Pidfile, Version};
use pidward_identity::remove::{self, Kept, Writers};

use crate::changes;

/// What a guard needs at most: others that have the file open get half a second.
pub(crate) const GUARDS_TIME: Duration = Duration::from_secs(1);

/// Who has removed a pidfile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Removed {
    Here,
    /// Its guard, or its daemon.
    Meanwhile,
    /// There was none any more.
    Before,
}

/// Removes the pidfile that names this process, which is dead or was never meant, and the record beside it, having given its
/// guard so much time to do it. One that was found stale goes only as it was then.
///
/// # Errors
/// Why the pidfile stays.
pub(crate) fn clean_up(
    pidfile: &Pidfile<'_>,
    dead: Pid,
    stale: Option<Version>,
    patience: Duration,
) -> Result<Removed, Kept> {
    let names_him = || pidfile.look().is_ok_and(|look| look.pid == Ok(dead));
    let mut was_there = false;
    if lock::is_guarded(pidfile) {
        was_there = names_him();
        // It removes the record too, and tells the log.
        changes::until(pidfile, patience, || {
            let is_done = !names_him() && pidfile.look().is_err();
            (is_done || !lock::is_guarded(pidfile)).then_some(())
        });
    }
    let writers = Writers::MayWrite;
    let removed = match stale {
        Some(version) => remove::stale(dead, version, pidfile, writers),
        None => remove::pidfile_of(dead, pidfile, writers),
    };
    let removed = match removed {
        Ok(()) => Removed::Here,
        Err(Kept::Missing) if was_there => Removed::Meanwhile,
        Err(Kept::Missing) => Removed::Before,
        Err(kept) => return Err(kept),
    };
    // A record beside no pidfile means nothing, so it may as well stay.
    let _ = remove::orphan_of(pidfile, true);
    Ok(removed)
}
