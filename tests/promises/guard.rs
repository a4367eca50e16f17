//! The promises of pidward-guard, in the order of its life.

use crate::promise::Promise;

mod hand_over;
mod kernels;
mod leaves;
mod locks;
pub(crate) mod log;
mod one;
pub(crate) mod post;
mod process;
mod record;
mod removal;
mod wakes;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(process::promises());
    all.extend(one::promises());
    all.extend(record::promises());
    all.extend(wakes::promises());
    all.extend(hand_over::promises());
    all.extend(removal::promises());
    all.extend(locks::promises());
    all.extend(log::promises());
    all.extend(kernels::promises());
    all.extend(leaves::promises());
    all
}
