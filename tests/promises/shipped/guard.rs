//! pidward-guard: one small static file.

use object::elf::{PF_X, PT_DYNAMIC, PT_INTERP, PT_TLS};
use pidward_tests::failure::Checked;

use super::elf::Elf;
use super::library::is;
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, holds: fn(&Elf) -> Checked| {
        let holds = move |scene: &Scene| holds(&Elf::read(&scene.release.join("pidward-guard"))?);
        Promise::new(format!("the_guard::{name}"), holds)
    };
    [
        each("is_below_64_kib", |elf| {
            is("size", elf.size < 64 * 1024, elf.size)
        }),
        each("is_stripped", |elf| {
            is("symbols", !elf.has_symbols, "a symbol table")
        }),
        each("is_static", |elf| {
            let dynamic = [PT_INTERP, PT_DYNAMIC]
                .iter()
                .any(|kind| elf.has_segment(*kind));
            is(
                "dynamic",
                !dynamic && elf.needed.is_empty() && elf.undefined.is_empty(),
                &elf.segments,
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
    ]
    .into_iter()
}
