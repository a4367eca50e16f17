//! The promises of the files as they are shipped.

use crate::promise::Promise;

mod elf;
mod guard;
mod library;
mod loads;
mod table;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    library::promises()
        .chain(guard::promises())
        .chain(loads::promises())
        .chain(table::promises())
        .collect()
}
