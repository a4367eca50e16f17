//! Whichever system call fails, and however: a living daemon keeps its pidfile, nobody hangs or crashes, and what was not
//! removed the next sweep removes.

use crate::promise::Promise;

mod death;
mod guard;
mod injection;
mod run;
mod sweep;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(guard::promises());
    all.extend(sweep::promises());
    all.extend(run::promises());
    all.extend(death::promises());
    all
}
