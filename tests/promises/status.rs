//! The promises of `pidward status`: what a pidfile means, in a line and an exit status, and nothing is changed.

use std::path::Path;

use pidward_tests::failure::Checked;

use crate::answer::Answer;
use crate::promise::Promise;
use crate::run::{installed, pidward};
use crate::scene::Scene;

mod classes;
mod damaged;
mod json;
mod namespaces;
mod nothing_changes;
mod pidfiles;
mod prometheus;
mod records;
pub(crate) mod reused;
mod same;
mod several;
mod trust;
mod users;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(classes::promises());
    all.extend(pidfiles::promises());
    all.extend(records::promises());
    all.extend(damaged::promises());
    all.extend(namespaces::promises());
    all.extend(reused::promises());
    all.extend(same::promises());
    all.extend(trust::promises());
    all.extend(users::promises());
    all.extend(several::promises());
    all.extend(json::promises());
    all.extend(nothing_changes::promises());
    all.extend(prometheus::promises());
    all
}

/// The answer to these arguments.
fn status(scene: &Scene, arguments: &[&str]) -> Checked<Answer> {
    let mut command = pidward(scene, &["status"]);
    command.args(arguments);
    Answer::of(command)
}

/// The answer that nobody gets, from files that he may execute.
fn status_as_nobody(copy: &Path, arguments: &[&str]) -> Checked<Answer> {
    use std::os::unix::process::CommandExt;
    let mut command = installed(copy, &["status"]);
    command.args(arguments).uid(65534).gid(65534);
    Answer::of(command)
}
