//! libpidward.so: small, needs next to nothing, loads on old systems, and shows no name that is no hook.

use std::collections::BTreeSet;
use std::fmt::Debug;

use object::elf::{PF_X, PT_TLS};
use pidward_tests::failure::{Checked, Failure};

use super::elf::{C_LIBRARY, Elf};
use super::table::Table;
use crate::promise::Promise;
use crate::scene::Scene;

/// All that it wants of the C library; each is looked up in every program that is started. `rust_eh_personality` or a panic's
/// functions would end every process that preloads it, and a thread-local would need `__tls_get_addr`.
const WANTED: [&str; 4] = ["dl_iterate_phdr", "environ", "getauxval", "strlen"];

/// How many addresses in it are relocated in every program that is started; the table of its hooks needs none.
const RELOCATIONS: usize = 25;

/// What glibc 2.17 has at most, as of 2012.
const NEWEST: (u32, u32) = (2, 17);

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, holds: fn(&Elf) -> Checked| {
        Promise::new(format!("the_library::{name}"), move |scene: &Scene| {
            holds(&Elf::read(&scene.library)?)
        })
    };
    [
        each("is_below_64_kib", |elf| {
            is("size", elf.size < 64 * 1024, elf.size)
        }),
        each("is_stripped", |elf| {
            is("symbols", !elf.has_symbols, "a symbol table")
        }),
        each("needs_no_more_than_libc", |elf| {
            none_besides(&elf.needed, &C_LIBRARY)
        }),
        each("needs_no_version_newer_than_glibc_2_17", |elf| {
            let newer: Vec<_> = elf
                .versions
                .iter()
                .filter(|version| is_newer(version))
                .collect();
            is(
                "versions",
                newer.is_empty() && !elf.versions.is_empty(),
                newer,
            )
        }),
        each("has_no_executable_stack", |elf| {
            is(
                "stack",
                elf.stack().is_some_and(|flags| flags & PF_X == 0),
                elf.stack(),
            )
        }),
        each("has_no_thread_locals", |elf| {
            is("TLS", !elf.has_segment(PT_TLS), &elf.segments)
        }),
        each("has_no_text_relocations", |elf| {
            is("relocations", !elf.has_text_relocations, "text relocations")
        }),
        each("has_few_relocations", |elf| {
            is(
                "relocations",
                elf.relocations < RELOCATIONS,
                elf.relocations,
            )
        }),
        each("wants_no_symbol_that_is_not_on_the_list", |elf| {
            none_besides(&elf.undefined, &WANTED)
        }),
        each("exports_the_hooks_of_the_table_and_nothing_else", |elf| {
            let (hooked, exported) = (
                Table::read()?.hooked,
                elf.exported.iter().cloned().collect::<BTreeSet<_>>(),
            );
            let difference: Vec<_> = hooked.symmetric_difference(&exported).collect();
            is(
                "exports",
                difference.is_empty() && !hooked.is_empty(),
                difference,
            )
        }),
        each("never_calls_a_function_that_it_hooks", |elf| {
            is(
                "references",
                elf.own_references.is_empty(),
                &elf.own_references,
            )
        }),
    ]
    .into_iter()
}

/// A promise is broken when it does not hold; with what was found.
pub(super) fn is(what: &str, holds: bool, found: impl Debug) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(what, format!("{found:?}")))
    }
}

pub(super) fn none_besides(found: &[String], expected: &[&str]) -> Checked {
    let others: Vec<_> = found
        .iter()
        .filter(|name| !expected.contains(&name.as_str()))
        .collect();
    is("others", others.is_empty() && !found.is_empty(), others)
}

fn is_newer(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches("GLIBC_")
        .split('.')
        .map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return true;
    };
    (major, minor) > NEWEST
}
