//! A sweep takes no more memory for a large tree than for a small one.

use std::fs;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::peak::{self, Memory};

use super::NOBODY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    [Promise::new(
        "a_sweep_of_many_pidfiles_takes_no_more_memory_than_of_few",
        memory,
    )]
    .into_iter()
}

/// What the larger tree may take more, in KiB. To remember a path of each file would be some thousand.
const MORE: u64 = 128;

/// The same of what was resident at most, to which pages of the program's files count: how many of those are mapped
/// at once is up to what the kernel has in its cache.
const MORE_AT_THE_PEAK: u64 = 512;

fn memory(scene: &Scene) -> Checked {
    let (few, many) = (of_sweep(scene, 1_000)?, of_sweep(scene, 20_000)?);
    if many.anonymous > few.anonymous + MORE || many.peak > few.peak + MORE_AT_THE_PEAK {
        let message = format!("for 1000: {few:?}; for 20000: {many:?}");
        return Err(Failure::new("more memory", message));
    }
    Ok(())
}

fn of_sweep(scene: &Scene, count: usize) -> Checked<Memory> {
    scene.clear()?;
    for number in 0..count {
        let directory = file(&format!("{}", number / 500));
        if number % 500 == 0 {
            fs::create_dir(&directory).doing("make a directory")?;
        }
        let text = if number % 2 == 0 { NOBODY } else { "x\n" };
        fs::write(directory.join(format!("{number}.pid")), text).doing("make a pidfile")?;
    }
    peak::near_end(pidward(scene, &["sweep", HOME]), count)
}
