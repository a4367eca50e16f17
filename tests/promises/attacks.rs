//! What somebody with another user's rights may try, who wants a process of root's signalled, or a file of root's gone.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::evidence;

use crate::guard::post::{daemon, ready};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::file;

mod known;
mod locks;
mod swaps;
pub(crate) mod tracer;

/// The attacker: an ordinary user.
const MALLORY: u32 = 65534;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    known::promises()
        .chain(locks::promises())
        .chain(swaps::promises())
        .collect()
}

/// Makes a directory of the attacker's.
fn directory_of_mallory(name: &str) -> Checked {
    fs::create_dir(file(name)).doing(name)?;
    chown(file(name), Some(MALLORY), Some(MALLORY)).doing(name)
}

/// Writes a file of the attacker's, in the place of what is there.
fn write_as_mallory(name: &str, text: impl AsRef<[u8]>) -> Checked {
    let new = file(&format!("{name}.new"));
    fs::write(&new, text).doing(name)?;
    chown(&new, Some(MALLORY), Some(MALLORY)).doing(name)?;
    fs::rename(&new, file(name)).doing(name)
}

/// Makes a symbolic link of the attacker's.
fn link_as_mallory(name: &str, to: impl AsRef<Path>) -> Checked {
    symlink(to, file(name)).doing(name)?;
    lchown(file(name), Some(MALLORY), Some(MALLORY)).doing(name)
}

/// A process of root's that dies of any signal.
fn victim() -> Checked<Legacy> {
    ready(daemon("say ready hear"))
}

/// A daemon with the attacker's rights.
fn daemon_of_mallory(steps: &str) -> Checked<Legacy> {
    let mut command = daemon(steps);
    command.uid(MALLORY).gid(MALLORY);
    ready(command)
}

fn lives(process: &Legacy, what: &str) -> Checked {
    match process.process.is_dead() {
        false => Ok(()),
        true => Err(Failure::new(
            format!("killed the victim: {what}"),
            evidence(),
        )),
    }
}
