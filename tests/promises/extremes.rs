//! As much as there can be, and as little: environments of megabytes, the longest names and paths, limits at their minimum, no /proc.
//! The daemon lives and dies as it would, and what cannot be done is said.

use std::process::Command;

use pidward_tests::failure::Checked;

use crate::compare::Life;
use crate::legacy::{Ended, Legacy};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

mod environment;
mod limits;
mod paths;
mod proc;

/// How a daemon dies there.
const DEATHS: [&str; 3] = ["die return", "raise 15", "die abort"];

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(environment::promises());
    all.extend(paths::promises());
    all.extend(limits::promises());
    all.extend(proc::promises());
    all
}

/// The daemon, with the shim and without it, started so.
fn lived(life: &Life<'_>, started: impl Fn(&Command) -> Command, death: &str) -> Checked<Ended> {
    let mut daemon = life.command(&Scene::program(LEGACY));
    daemon.args(format!("query 15 make open x.pid {death}").split(' '));
    Legacy::start(started(&daemon))?.end()
}
