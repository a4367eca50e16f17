//! `pidward`: started for every question and in front of every daemon, it has next to nothing loaded.

use super::elf::{C_LIBRARY, Elf};
use super::library::none_besides;
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let holds = |scene: &Scene| {
        none_besides(
            &Elf::read(&scene.release.join("pidward"))?.needed,
            &C_LIBRARY,
        )
    };
    [Promise::new("the_command::needs_no_more_than_libc", holds)].into_iter()
}
