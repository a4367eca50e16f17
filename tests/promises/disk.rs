//! File systems of their own, in images that are mounted in the test's namespace and go with it.

use std::fs::{self, File};
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::compare::bare;
use crate::scene::file;

/// What makes one, and in how large an image: the smallest that it takes.
const MAKERS: [(&str, &[&str], u64); 3] = [
    (
        "ext4",
        &["/sbin/mkfs.ext4", "-q", "-O", "^has_journal"],
        1 << 20,
    ),
    ("btrfs", &["/sbin/mkfs.btrfs", "-q"], 112 << 20),
    ("xfs", &["/sbin/mkfs.xfs", "-q"], 300 << 20),
];

/// Mounts an empty file system of this kind in a new directory of the daemon's.
pub(crate) fn disk(kind: &str, directory: &str) -> Checked {
    let maker = MAKERS.iter().find(|(known, ..)| *known == kind);
    let (_, words, size) = maker.ok_or(kind).doing("find what makes it")?;
    let image = file(&format!("{kind}.image"));
    let made = File::create(&image).and_then(|image| image.set_len(*size));
    made.doing("make an image")?;
    fs::create_dir(file(directory)).doing("make a directory")?;
    let (image, directory) = (image.to_string_lossy(), file(directory));
    succeeds(&[*words, &[image.as_ref()]].concat())?;
    let directory = directory.to_string_lossy();
    succeeds(&["/bin/mount", "-o", "loop", &image, &directory])
}

/// Runs a command of the machine's that has nothing to do with pidward.
pub(crate) fn succeeds(words: &[&str]) -> Checked {
    let (program, arguments) = words.split_first().ok_or("nothing").doing("run")?;
    let mut command: Command = bare(program.as_ref());
    let output = command.args(arguments).output().doing(program)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure::new(
            "the test itself",
            format!("{words:?}: {output:?}"),
        )),
    }
}
