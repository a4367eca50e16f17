//! There is one guard for a pidfile, however many are started.

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::evidence;

use super::post::{Post, guard, kill, start, with_pidfile};
use crate::promise::Promise;
use crate::scene::Scene;

const COUNT: usize = 20;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "of_twenty_guards_started_at_once_for_a_daemon_one_is_left",
            |scene| one_is_left(scene, &[], true),
        ),
        each(
            "of_twenty_guards_started_before_their_daemon_one_is_left",
            |scene| one_is_left(scene, &[], false),
        ),
        each("so_it_is_with_guards_that_the_user_asked_for", |scene| {
            one_is_left(scene, &["--named"], true)
        }),
        each("a_guard_that_was_killed_is_replaced_by_the_next", |scene| {
            let (daemon, first, post) = super::post::guarded(scene)?;
            let _ = first.signal(nix::sys::signal::Signal::SIGKILL);
            super::post::leaves(&first)?;
            let second = start(guard(scene, &[], &post.pidfile))?;
            post.recorded_by(&second)?;
            kill(daemon)?;
            post.cleared()
        }),
    ]
    .into_iter()
}

fn one_is_left(scene: &Scene, options: &[&str], daemon_first: bool) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let start_all = || -> Checked<Vec<Process>> {
        (0..COUNT)
            .map(|_| start(guard(scene, options, &post.pidfile)))
            .collect()
    };
    let (daemon, guards) = if daemon_first {
        (with_pidfile()?, start_all()?)
    } else {
        let guards = start_all()?;
        (with_pidfile()?, guards)
    };
    let one = post.recorded(daemon.process.pid)?;
    for guard in guards.iter().filter(|guard| guard.pid != one.pid) {
        if !guard.dies_by(Deadline::seconds(10)) {
            return Err(Failure::new("two guards", evidence()));
        }
    }
    if one.is_dead() {
        return Err(Failure::new("no guard", evidence()));
    }
    kill(daemon)?;
    post.cleared()?;
    super::post::leaves(&one)
}
