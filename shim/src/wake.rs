//! What happens when a pidfile was seen: stand-ins, and a guard for it.

use crate::seen::{Made, Room};
use crate::{guard, hooks, settle};

/// A pidfile was seen, for the first time or again.
///
/// The guard is started again whenever the file may be a new one, because the last guard left when the daemon
/// removed the last one; a guard that finds another at work leaves.
pub(crate) fn on(pidfile: &Room, first: bool, how: Made) {
    if first {
        hooks::resolve_all();
        settle::put_stand_ins();
    }
    if first || how == Made::Created {
        guard::start(pidfile);
    }
}
