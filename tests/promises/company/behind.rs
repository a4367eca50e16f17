//! A library behind ours is called, in whatever form it defines a function, and its hash table's.

use std::fs;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::path;

use crate::compare::NO_GUARD;
use crate::legacy::Legacy;
use crate::programs::{self, LEGACY, source};
use crate::promise::Promise;
use crate::scene::Scene;

/// Of each form, what it is called, how it is compiled, and whether its function is meant by the name alone.
const FORMS: [(&str, &[&str], bool); 5] = [
    ("with_the_hash_of_gnu", &["-Wl,--hash-style=gnu"], true),
    (
        "with_the_hash_of_system_v",
        &["-Wl,--hash-style=sysv"],
        true,
    ),
    ("with_both", &["-Wl,--hash-style=both"], true),
    ("that_is_resolved_by_a_function", &["-DINDIRECT"], true),
    ("of_an_old_version", &["-DOLD_VERSION"], false),
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    FORMS.into_iter().map(|(name, flags, is_meant)| {
        let name = format!("a_function_behind_ours_is_called::{name}");
        Promise::new(name, move |scene| called(scene, flags, is_meant))
    })
}

fn called(scene: &Scene, flags: &[&str], is_meant: bool) -> Checked {
    let versions = path("versions");
    fs::write(&versions, "OLD { local: of_old; };\n").doing("write versions")?;
    let script = format!("-Wl,--version-script={}", versions.display());
    let mut all = [&["-shared", "-fPIC"], flags].concat();
    if !is_meant {
        all.push(&script);
    }
    let library = Scene::program("behind.so");
    programs::compile("cc", &all, &[source("behind.c")], &library)?;
    let both = scene.both_in(&[NO_GUARD], |life| {
        let library = library.to_string_lossy();
        let mut command = life.command_among(&Scene::program(LEGACY), "", &library);
        command.args("make creat x.pid query 15 die return".split(' '));
        let ended = Legacy::start(command)?.end()?;
        match ended.said.contains("behind\n") == is_meant {
            true => Ok(ended),
            false => Err(Failure::new("another definition", format!("{ended:#?}"))),
        }
    })?;
    both.removed(&["x.pid"])
}
