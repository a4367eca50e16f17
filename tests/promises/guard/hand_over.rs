//! A pidfile may pass to another process, in each of the ways that daemons have; the guard follows it.

use pidward_tests::failure::{Checked, Failure};
use pidward_tests::world::evidence;

use super::post::{Post, daemon, guard, guarded, kill, leaves, ready, start};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "the_guard_follows_a_pidfile_that_another_process_takes_over",
        &["open", "rename"],
        taken_over,
    )
    .chain([
        each(
            "a_pidfile_removed_and_made_anew_at_once_is_guarded_again",
            made_anew,
        ),
        each(
            "a_pidfile_moved_away_and_made_anew_is_the_new_processs",
            |scene| moved_away(scene, false),
        ),
        each(
            "a_pidfile_moved_back_when_the_new_process_failed_is_guarded_again",
            |scene| moved_away(scene, true),
        ),
        each(
            "a_daemon_that_removes_its_pidfile_ends_the_guarding",
            removed,
        ),
        each(
            "a_guard_that_the_user_asked_for_waits_for_the_next_pidfile",
            removed_and_made_anew,
        ),
        each(
            "a_child_that_writes_through_an_inherited_descriptor_keeps_the_pidfile",
            inherited,
        ),
    ])
}

fn taken_over(scene: &Scene, way: &str) -> Checked {
    let (first, _, post) = guarded(scene)?;
    let second = ready(daemon(&format!("make {way} x.pid say ready hear")))?;
    let guard = post.recorded(second.process.pid)?;
    kill(first)?;
    post.stays()?;
    kill(second)?;
    post.cleared()?;
    leaves(&guard)
}

/// The guard has seen that the pidfile is gone, and looks for a moment whether it comes again.
fn made_anew(scene: &Scene) -> Checked {
    let (first, guard, post) = guarded(scene)?;
    let before = super::post::falls_asleep(guard.pid, 1)?;
    let mut second = ready(daemon(
        "gone x.pid say ready hear make link x.pid say made hear",
    ))?;
    super::post::falls_asleep(guard.pid, before + 1)?;
    second.go_on()?;
    second.says("made")?;
    post.recorded(second.process.pid)?;
    kill(first)?;
    post.stays()?;
    kill(second)?;
    post.cleared()?;
    leaves(&guard)
}

/// As nginx does it at USR2.
fn moved_away(scene: &Scene, new_fails: bool) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let old = "make open x.pid say ready hear move x.pid x.pid.oldbin say moved hear";
    let mut old = ready(daemon(&format!(
        "{old} move x.pid.oldbin x.pid say back hear"
    )))?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(old.process.pid)?;
    old.go_on()?;
    old.says("moved")?;
    let new = ready(daemon("make open x.pid say ready hear"))?;
    post.recorded(new.process.pid)?;
    if new_fails {
        kill(new)?;
        post.is_gone()?;
        old.go_on()?;
        old.says("back")?;
        post.recorded(old.process.pid)?;
        kill(old)?;
    } else {
        kill(old)?;
        post.stays()?;
        kill(new)?;
    }
    post.cleared()?;
    leaves(&guard)
}

fn removed(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut daemon = ready(daemon(
        "make open x.pid say ready hear gone x.pid say gone hear",
    ))?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(daemon.process.pid)?;
    daemon.go_on()?;
    daemon.says("gone")?;
    post.cleared()?;
    leaves(&guard)?;
    match daemon.process.is_dead() {
        true => Err(Failure::new("the test itself", evidence())),
        false => Ok(()),
    }
}

fn removed_and_made_anew(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--no-preload", "--"]);
    command.arg(Scene::program(LEGACY)).args(
        "make open x.pid say ready hear gone x.pid say gone hear make open x.pid say again hear"
            .split_whitespace(),
    );
    let mut daemon = ready(command)?;
    let first = post.recorded(daemon.process.pid)?;
    daemon.go_on()?;
    daemon.says("gone")?;
    // The guard has seen it: what it recorded is no longer said.
    post.until("unrecorded", || {
        pidward_tests::record::Record::read(&post.pidfile)
            .is_none()
            .then_some(())
    })?;
    // Longer than it takes a guard of the shim's to leave.
    if first.dies_by(pidward_tests::deadline::Deadline::after(
        std::time::Duration::from_millis(600),
    )) {
        return Err(Failure::new("the guard has left", evidence()));
    }
    daemon.go_on()?;
    daemon.says("again")?;
    let second = post.recorded(daemon.process.pid)?;
    if first.pid != second.pid {
        return Err(Failure::new("another guard", evidence()));
    }
    kill(daemon)?;
    post.cleared()?;
    leaves(&first)
}

/// As cron does it: the parent has written its own PID and ends; the child writes later.
fn inherited(scene: &Scene) -> Checked {
    for options in [&[][..], &["--timeout", "0"]] {
        inherits(scene, options)?;
    }
    Ok(())
}

fn inherits(scene: &Scene, options: &[&str]) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let steps = "hold x.pid put say ready child fork say forked hear put say written hear end";
    let mut parent = ready(daemon(steps))?;
    start(guard(scene, options, &post.pidfile))?;
    let guard = post.recorded(parent.process.pid)?;
    parent.says("forked")?;
    let before = super::post::falls_asleep(guard.pid, 1)?;
    let _ = parent.process.signal(nix::sys::signal::Signal::SIGKILL);
    // The guard has looked after the death, and sleeps again, when the child writes.
    super::post::falls_asleep(guard.pid, before + 1)?;
    parent.go_on()?;
    parent.says("written")?;
    let child = post.until("the child's", || pidward_tests::world::owner(&post.pidfile))?;
    post.recorded(child.pid)?;
    post.stays()?;
    let _ = child.signal(nix::sys::signal::Signal::SIGKILL);
    post.cleared()?;
    leaves(&guard)
}
