//! The promises of the files as they are shipped.

use crate::promise::Promise;

mod command;
mod counts;
mod elf;
mod guard;
mod library;
mod loads;
mod table;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    library::promises()
        .chain(command::promises())
        .chain(guard::promises())
        .chain(loads::promises())
        .chain(counts::promises())
        .chain(table::promises())
        .collect()
}
