//! The promises of `pidward run`: the command does not notice it, and whatever is in the way, the command runs.

use std::path::Path;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;
use pidward_tests::world::path;

use crate::compare::bare;
use crate::legacy::{Ended, Legacy};
use crate::promise::Promise;
use crate::scene::{HOME, Scene};

mod bad_command;
mod bad_pidfile;
pub(crate) mod in_place;
mod parts;
mod pidfiles;
mod unheard;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(in_place::promises());
    all.extend(bad_command::promises());
    all.extend(bad_pidfile::promises());
    all.extend(parts::promises());
    all.extend(pidfiles::promises());
    all.extend(unheard::promises());
    all
}

/// pidward, in the daemon's directory, with these arguments and more to come.
pub(crate) fn pidward(scene: &Scene, arguments: &[&str]) -> Command {
    installed(&scene.release, arguments)
}

/// That of another directory.
pub(crate) fn installed(release: &Path, arguments: &[&str]) -> Command {
    let mut command = bare(&release.join("pidward"));
    command.args(arguments).current_dir(HOME);
    command
}

/// A copy of the files under test that everybody can read, and this test alone changes.
pub(crate) fn copied(scene: &Scene) -> Checked<std::path::PathBuf> {
    let copy = path("copy");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).doing("clear the copy")?;
    }
    std::fs::create_dir(&copy).doing("make a place for a copy")?;
    release::copy(&scene.release, &copy)?;
    Ok(copy)
}

/// It ends with this status, having said so many lines of which the first has these parts.
pub(crate) fn says(command: Command, status: i32, lines: usize, parts: &[&str]) -> Checked<Ended> {
    let ended = Legacy::start(command)?.end()?;
    let first = ended.said.lines().next().unwrap_or_default();
    let is_said = parts.iter().all(|part| first.contains(part));
    if ended.status.code() != Some(status) {
        Err(Failure::new("another exit status", format!("{ended:#?}")))
    } else if ended.said.lines().count() != lines || !is_said {
        let what = format!("does not say {parts:?} in {lines} lines");
        Err(Failure::new(what, format!("{ended:#?}")))
    } else {
        Ok(ended)
    }
}
