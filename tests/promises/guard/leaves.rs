//! A guard leaves when no pidfile can come any more, and not before.

use std::path::Path;
use std::time::{Duration, Instant};

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::world::{evidence, owner};

use super::post::{Post, daemon, guard, kill, leaves, ready, start};
use crate::cgroup::Cgroup;
use crate::compare::bare;
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::Scene;

/// How long a guard may take to see that it waits in vain; its time-out is 90 s.
const SOON: Duration = Duration::from_secs(4);

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "a_start_up_command_that_fails_without_a_pidfile_ends_the_guarding",
        &["exit 1", "kill -9 $$"],
        |scene, command| {
            ran(scene, command)?;
            left_soon()
        },
    )
    .chain([
        each(
            "one_that_succeeds_leaves_a_guard_for_the_daemon_that_comes_later",
            comes_later,
        ),
        each(
            "what_another_instance_is_about_to_write_is_waited_for",
            about_to_be_written,
        ),
        each(
            "a_guard_without_a_pidfile_leaves_after_its_time_out",
            timeout,
        ),
        each(
            "a_guard_that_was_started_for_a_daemon_dead_by_then_leaves",
            dead_by_then,
        ),
        each("a_guard_alone_in_its_cgroup_leaves", alone),
        each(
            "the_guard_of_a_directory_that_is_not_there_leaves",
            |scene| {
                scene.clear()?;
                leaves(&start(guard(scene, &[], Path::new("/mnt/nowhere/x.pid")))?)
            },
        ),
    ])
}

/// Runs a start-up command that makes no pidfile to its end.
fn ran(scene: &Scene, command: &str) -> Checked {
    scene.clear()?;
    let words = ["run", "-p", "x.pid", "--no-preload", "--", "sh", "-c"];
    let mut run = pidward(scene, &words);
    run.arg(command);
    Legacy::start(run)?.end().map(drop)
}

/// The guards that live.
fn guards() -> Vec<Process> {
    let living = proc::pidwards().into_iter();
    living
        .filter_map(|seen| Process::living(seen.pid))
        .collect()
}

fn left_soon() -> Checked {
    let deadline = Deadline::after(SOON);
    match guards().iter().all(|guard| guard.dies_by(deadline)) {
        true => Ok(()),
        false => Err(Failure::new("the guard still waits", evidence())),
    }
}

/// The command has failed, so nothing is to come of it; but its pidfile is empty, as one that is being written.
fn about_to_be_written(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut daemon = ready(daemon("hold x.pid say ready hear put say put hear"))?;
    let mut run = pidward(
        scene,
        &["run", "-p", "x.pid", "--no-preload", "--", "false"],
    );
    let status = run.status().doing("run a command that fails")?;
    // Longer than it takes to see the failure.
    post.stays()?;
    daemon.go_on()?;
    daemon.says("put")?;
    if status.code() != Some(1) {
        return Err(Failure::new("the test itself", status));
    }
    post.recorded(daemon.process.pid)?;
    kill(daemon)?;
    post.cleared()
}

fn comes_later(scene: &Scene) -> Checked {
    ran(scene, "exit 0")?;
    let [guard] = &guards()[..] else {
        return Err(Failure::new("not one guard", evidence()));
    };
    // Time enough for it to learn how the command ended.
    if guard.dies_by(Deadline::after(Duration::from_millis(1200))) {
        return Err(Failure::new("the guard does not wait", evidence()));
    }
    let post = Post::at("x.pid")?;
    let daemon = ready(daemon("make open x.pid say ready hear"))?;
    post.recorded(daemon.process.pid)?;
    kill(daemon)?;
    post.cleared()?;
    leaves(guard)
}

fn timeout(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let began = Instant::now();
    let guard = start(guard(scene, &["--timeout", "1"], &post.pidfile))?;
    leaves(&guard)?;
    let took = began.elapsed();
    if !(Duration::from_millis(900)..SOON).contains(&took) {
        return Err(Failure::new("another time-out", format!("{took:?}")));
    }
    match post.has_record() {
        true => Err(Failure::new("the record stays", evidence())),
        false => Ok(()),
    }
}

/// A daemon that is killed while it loads the shim, which finds its PID in a pidfile and starts a guard, though one that
/// was there before has removed the pidfile by now. It is killed a little later in each turn.
fn dead_by_then(scene: &Scene) -> Checked {
    for turn in 0..100 {
        scene.clear()?;
        let post = Post::at("x.lock")?;
        let mut command = bare(&Scene::program(LEGACY));
        command.args(["make", "open", "x.lock", "exec", "hear"]);
        command.env("LD_PRELOAD", scene.release.join("libpidward.so"));
        command.env("PIDWARD_PIDFILE", &post.pidfile);
        let daemon = Legacy::start(command)?;
        post.until("written", || owner(&post.pidfile))?;
        let moment = Instant::now() + Duration::from_micros(40 * turn);
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        kill(daemon)?;
        post.cleared()?;
        left_soon()?;
    }
    Ok(())
}

fn alone(scene: &Scene) -> Checked {
    let cgroup = Cgroup::new()?;
    scene.clear()?;
    let enter = format!("echo $$ >'{}' && exec \"$@\"", cgroup.procs().display());
    let run = pidward(scene, &["run", "-p", "x.pid", "--no-preload", "true"]);
    let mut shell = crate::compare::bare("/bin/sh".as_ref());
    shell
        .args(["-c", &enter, "sh"])
        .arg(run.get_program())
        .args(run.get_args());
    let ended = Legacy::start(shell)?.end()?;
    if !ended.status.success() {
        return Err(Failure::new("the test itself", ended.said));
    }
    left_soon()
}
