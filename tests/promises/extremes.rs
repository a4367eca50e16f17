//! As much as there can be, and as little: environments of megabytes, the longest names and paths, limits at their minimum, no /proc.
//! The daemon lives and dies as it would, and what cannot be done is said.

use crate::promise::Promise;

mod environment;
mod limits;
mod paths;
mod proc;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(environment::promises());
    all.extend(paths::promises());
    all.extend(limits::promises());
    all.extend(proc::promises());
    all
}
