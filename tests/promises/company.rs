//! The promises of libpidward.so in the company of others: libraries that are preloaded too, and plugins.

use crate::promise::Promise;

mod before_and_after;
mod plugins;
mod preloads;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(before_and_after::promises());
    all.extend(plugins::promises());
    all.extend(preloads::promises());
    all
}
