//! The promises of libpidward.so, in the order of the flow.

use crate::promise::Promise;

mod aside;
mod children;
mod cores;
mod deaths;
mod dice;
mod dispositions;
mod filters;
mod guard;
mod locks;
mod named;
mod removal;
mod seen;
mod siginfo;
mod signals;
mod state;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(seen::promises());
    all.extend(named::promises());
    all.extend(deaths::promises());
    all.extend(signals::promises());
    all.extend(state::promises());
    all.extend(cores::promises());
    all.extend(siginfo::promises());
    all.extend(children::promises());
    all.extend(dispositions::promises());
    all.push(dice::promise());
    all.extend(guard::promises());
    all.extend(locks::promises());
    all.extend(filters::promises());
    all.extend(aside::promises());
    all.extend(removal::promises());
    all
}
