//! A guard one of whose system calls fails.

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::world::evidence;

use super::injection::{Call, ERRORS, Trace, each, failing_itself, written_down};
use super::sweep::is_put_right;
use crate::guard::post::{Post, ends_or_waits, guard, kill, leaves, start, with_pidfile};
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "whichever_system_call_of_a_guard_fails_no_living_pidfile_is_lost",
        ERRORS,
        |scene, error| each(&calls(scene)?, error, |call| one(scene, call, error)),
    )
}

/// Those of a guard's whole life.
fn calls(scene: &Scene) -> Checked<Vec<Call>> {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = with_pidfile()?;
    let guard = start(written_down(&guard(scene, &[], &post.pidfile)))?;
    post.recorded(daemon.process.pid)?;
    kill(daemon)?;
    leaves(&guard)?;
    Trace::read()?.between("execve(", None)
}

fn one(scene: &Scene, call: &Call, error: &str) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = with_pidfile()?;
    let guard = start(failing_itself(
        &guard(scene, &[], &post.pidfile),
        call,
        error,
    ))?;
    ends_or_waits(&guard)?;
    if daemon.process.is_dead() || !post.is_there() {
        return Err(Failure::new(
            "the daemon or its pidfile is gone",
            evidence(),
        ));
    }
    kill(daemon)?;
    // Who has not seen it leaves after its time-out, which is longer.
    if !guard.dies_by(Deadline::seconds(3)) {
        return Err(Failure::new("the guard stays", evidence()));
    }
    is_put_right(scene, &["x.pid"])
}
