//! Whichever system call fails, and however: a living daemon keeps its pidfile, nobody hangs or crashes, and what was not
//! removed the next sweep removes.

use crate::promise::Promise;

mod commands;
mod death;
mod file_systems;
mod guard;
pub(crate) mod injection;
mod places;
mod run;
mod sweep;

pub(crate) use sweep::is_put_right;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(guard::promises());
    all.extend(sweep::promises());
    all.extend(run::promises());
    all.extend(commands::promises());
    all.extend(death::promises());
    all.extend(places::promises());
    all.extend(file_systems::promises());
    all
}
