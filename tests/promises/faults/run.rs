//! A `run` one of whose system calls fails.

use pidward_tests::failure::{Checked, Failure};

use super::injection::{Call, ERRORS, Trace, each, failing_itself, written_down};
use super::sweep::is_put_right;
use crate::answer::Answer;
use crate::guard::post::kill_guards;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "whichever_system_call_of_run_fails_the_daemon_is_started",
        ERRORS,
        |scene, error| each(&calls(scene)?, error, |call| one(scene, call, error)),
    )
}

/// A daemon that makes its pidfile anew, where a stale one is, and ends.
fn run(scene: &Scene) -> Checked<std::process::Command> {
    scene.clear()?;
    write("x.pid", "4194303\n")?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--"]);
    command.arg(Scene::program(LEGACY));
    command.args("make open x.pid die exit".split(' '));
    Ok(command)
}

/// Those between what the loader does and the daemon's start.
fn calls(scene: &Scene) -> Checked<Vec<Call>> {
    Answer::of(written_down(&run(scene)?))?;
    Trace::read()?.between("prlimit64(", Some("execve("))
}

fn one(scene: &Scene, call: &Call, error: &str) -> Checked {
    let answer = Answer::of(failing_itself(&run(scene)?, call, error))?;
    kill_guards()?;
    let is_started = answer.code == Some(7);
    // Where the program itself cannot be looked at, that is said.
    let is_refused = answer.code == Some(126) && answer.err.contains("cannot run /mnt/programs/");
    match is_started || is_refused {
        true => is_put_right(scene, &["x.pid"]),
        false => Err(Failure::new("another end", format!("{answer:#?}"))),
    }
}
