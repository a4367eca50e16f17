//! The table of hooks (shim/src/hooks.rs) knows every name by which the C libraries offer what it hooks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing, Failure};

use super::elf::Elf;
use super::library::is;
use crate::promise::Promise;

/// The names in the table.
pub(super) struct Table {
    /// In a row of their own or as another's sibling.
    pub(super) hooked: BTreeSet<String>,
    /// With a reason why not.
    pub(super) not_hooked: BTreeSet<String>,
}

/// Where the C libraries are: glibc's as this program has it loaded, and musl's by its package.
const GLIBC: &str = "libc.so.6";
const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, holds: fn(&Table) -> Checked| {
        Promise::new(format!("the_table_of_hooks::{name}"), move |_| {
            holds(&Table::read()?)
        })
    };
    [
        each("knows_every_sibling_that_glibc_exports", |table| {
            table.knows_siblings(&loaded_glibc()?)
        }),
        each("knows_every_sibling_that_musl_exports", |table| {
            table.knows_siblings(MUSL)
        }),
        each(
            "says_of_a_name_that_it_is_hooked_or_that_it_is_not",
            |table| {
                let both: Vec<_> = table.hooked.intersection(&table.not_hooked).collect();
                is(
                    "names",
                    both.is_empty() && !table.not_hooked.is_empty(),
                    both,
                )
            },
        ),
    ]
    .into_iter()
}

impl Table {
    /// Reads it from the source: rows `"open(2)" [open, open64; __open] (...)`, then those not hooked.
    pub(super) fn read() -> Checked<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shim/src/hooks.rs");
        let source = fs::read_to_string(&path).doing(path.display())?;
        let parts = source
            .split_once("\nhooks! {")
            .and_then(|(_, rest)| rest.split_once("\n}"))
            .and_then(|(table, _)| table.split_once("\n    not hooked:"));
        let (hooked, not_hooked) = parts.ok_or("no table").doing(path.display())?;
        Ok(Self {
            hooked: names(hooked),
            not_hooked: names(not_hooked),
        })
    }

    fn knows_siblings(&self, library: impl AsRef<Path>) -> Checked {
        let exported: BTreeSet<String> =
            Elf::read(library.as_ref())?.exported.into_iter().collect();
        let hooked_here: Vec<_> = self.hooked.intersection(&exported).collect();
        let unknown: Vec<_> = hooked_here
            .iter()
            .flat_map(|name| siblings(name))
            .filter(|name| exported.contains(name))
            .filter(|name| !self.hooked.contains(name) && !self.not_hooked.contains(name))
            .collect();
        is(
            "siblings",
            unknown.is_empty() && hooked_here.len() > self.hooked.len() / 2,
            unknown,
        )
    }
}

/// What is in square brackets behind a string.
fn names(rows: &str) -> BTreeSet<String> {
    let lists = rows.split('"').skip(2).step_by(2);
    let lists = lists.filter_map(|row| row.trim_start().strip_prefix('[')?.split_once(']'));
    lists
        .flat_map(|(list, _)| list.split([',', ';']))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The names that a C library may give to the same function, or to the same for large files, relative to a directory,
/// checked by _FORTIFY_SOURCE, or with a wider time_t.
fn siblings(name: &str) -> impl Iterator<Item = String> {
    let plain = name.trim_start_matches('_');
    let mut all = BTreeSet::new();
    for before in ["", "_", "__", "_IO_"] {
        for stem in [name, plain] {
            for after in [
                "", "64", "at", "at64", "at2", "2", "_chk", "_2", "64_2", "_time64", "_r",
            ] {
                all.insert(format!("{before}{stem}{after}"));
            }
        }
    }
    all.into_iter()
}

/// The file of the C library that this process has loaded.
fn loaded_glibc() -> Checked<String> {
    let maps = fs::read_to_string("/proc/self/maps").doing("look for the C library")?;
    let mut paths = maps.lines().filter_map(|line| line.split(' ').next_back());
    paths
        .find(|path| path.ends_with(GLIBC))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("the test itself", "no C library is loaded"))
}
