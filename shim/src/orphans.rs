//! Whose are the orphans? The guard is one, so that it is nobody's child but init's. A daemon that has asked for those of its
//! children (prctl(2), `PR_SET_CHILD_SUBREAPER`) would get the guard too: wait for its end, which comes after the daemon's own.

use rustix::process::{child_subreaper, set_child_subreaper};
use rustix::thread::Pid;

/// While it lives, orphans are not this process's. Others than ours may become some in that millisecond, and would be init's.
pub(crate) struct NotOurs(Option<Pid>);

impl NotOurs {
    pub(crate) fn for_now() -> Self {
        let ours = child_subreaper().unwrap_or_default();
        if ours.is_some() {
            let _ = set_child_subreaper(None);
        }
        Self(ours)
    }
}

impl Drop for NotOurs {
    fn drop(&mut self) {
        if self.0.is_some() {
            let _ = set_child_subreaper(self.0);
        }
    }
}
