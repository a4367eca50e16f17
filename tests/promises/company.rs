//! The promises of libpidward.so in the company of others: libraries that are preloaded too, plugins, tools that put
//! themselves beneath a program, and the runtimes of other languages.

use crate::promise::Promise;

mod before_and_after;
mod behind;
mod languages;
mod linking;
mod plugins;
mod prelinked;
mod preloads;
mod sanitizer;
mod valgrind;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(before_and_after::promises());
    all.extend(behind::promises());
    all.extend(plugins::promises());
    all.extend(preloads::promises());
    all.extend(linking::promises());
    all.extend(prelinked::promises());
    all.extend(sanitizer::promises());
    all.extend(valgrind::promises());
    all.extend(languages::promises());
    all
}
