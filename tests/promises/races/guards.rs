//! Two guards, and one that is killed, at each of its system calls: a living daemon keeps its pidfile and has one guard in the
//! end, and of a dead one nothing is left.

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::{Guarded, at_each, is_his, is_put_right, successor};
use crate::answer::ask;
use crate::attacks::tracer::Traced;
use crate::guard::post::{Post, ends_or_waits, guard, kill, leaves, start, with_pidfile};
use crate::promise::Promise;
use crate::scene::{Scene, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    let of_two = Promise::each(
        "a_guard_that_comes_at_any_system_call_of_anothers_leaves_one_of_them",
        &["", "--named"],
        two,
    );
    [
        each(
            "a_guard_killed_at_any_system_call_leaves_what_the_next_one_or_a_sweep_puts_right",
            killed,
        ),
        each(
            "a_sweep_at_any_system_call_of_a_guard_loses_nothing_and_leaves_nothing",
            swept,
        ),
        each(
            "so_it_is_when_the_next_instance_has_come_before_the_sweep",
            swept_for_the_next,
        ),
    ]
    .into_iter()
    .chain(of_two)
    .chain([each(
        "a_directory_that_changes_at_each_system_call_of_a_guard_keeps_it_from_nothing",
        never_still,
    )])
}

fn killed(scene: &Scene) -> Checked {
    at_each(|number| {
        let mut stopped = Guarded::start(scene)?;
        if !stopped.runs_to(number)? {
            return Ok(false);
        }
        stopped.guard.kill()?;
        if let Some(daemon) = stopped.daemon {
            ask(scene, "sweep .")?;
            is_his(&daemon)?;
            let next = start(guard(scene, &[], &stopped.post.pidfile))?;
            stopped.post.recorded_by(&next)?;
            kill(daemon)?;
            stopped.post.cleared()?;
            leaves(&next)?;
        }
        is_put_right(scene).map(|()| true)
    })
}

/// Lets the one that was stopped go on, and waits until it has done all it has to.
fn goes_on(stopped: Traced) -> Checked<Process> {
    let process = Process::open(stopped.pid())
        .ok_or("none")
        .doing("open it")?;
    // Its end is looked for by its pidfd.
    drop(stopped.let_go()?);
    ends_or_waits(&process)?;
    Ok(process)
}

fn two(scene: &Scene, option: &str) -> Checked {
    let options: Vec<&str> = option.split_whitespace().collect();
    at_each(|number| {
        let mut stopped = Guarded::start(scene)?;
        if !stopped.runs_to(number)? {
            return Ok(false);
        }
        // Where the first instance is dead, the other guard comes with the next one.
        let daemon = match stopped.daemon {
            Some(daemon) => daemon,
            None => successor()?,
        };
        let second = start(guard(scene, &options, &stopped.post.pidfile))?;
        ends_or_waits(&second)?;
        let first = goes_on(stopped.guard)?;
        let one = stopped.post.recorded(daemon.process.pid)?;
        let others = [&first, &second].into_iter();
        others.filter(|it| it.pid != one.pid).try_for_each(leaves)?;
        if one.is_dead() {
            return Err(Failure::new("no guard is left", evidence()));
        }
        is_his(&daemon)?;
        kill(daemon)?;
        stopped.post.cleared()?;
        leaves(&one)?;
        is_put_right(scene).map(|()| true)
    })
}

fn swept(scene: &Scene) -> Checked {
    at_each(|number| {
        let mut stopped = Guarded::start(scene)?;
        if !stopped.runs_to(number)? {
            return Ok(false);
        }
        ask(scene, "sweep .")?;
        let guard = goes_on(stopped.guard)?;
        if let Some(daemon) = stopped.daemon {
            is_his(&daemon)?;
            stopped.post.recorded(daemon.process.pid)?;
            kill(daemon)?;
        }
        leaves(&guard)?;
        is_put_right(scene).map(|()| true)
    })
}

fn swept_for_the_next(scene: &Scene) -> Checked {
    at_each(|number| {
        let mut stopped = Guarded::start(scene)?;
        if !stopped.runs_to(number)? {
            return Ok(false);
        }
        let next = successor()?;
        ask(scene, "sweep .")?;
        let guard = goes_on(stopped.guard)?;
        is_his(&next)?;
        if let Some(daemon) = stopped.daemon {
            kill(daemon)?;
        }
        is_his(&next)?;
        kill(next)?;
        leaves(&guard)?;
        is_put_right(scene).map(|()| true)
    })
}

/// As others do who write their files there all the time.
fn never_still(scene: &Scene) -> Checked {
    /// More than it has in the time between its start and its first wait.
    const STOPS: usize = 2000;
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut guard = Traced::start(guard(scene, &[], &post.pidfile))?;
    let mut daemon = None;
    for number in 0..STOPS {
        // It has begun to wait for its pidfile.
        if guard.is_at_poll() && daemon.is_none() {
            daemon = Some(with_pidfile()?);
        }
        write(&format!("{}.txt", number % 2), "more")?;
        guard.goes_on()?;
        if let Some(record) = Record::read(&post.pidfile) {
            let daemon = daemon.ok_or("none").doing("find the daemon")?;
            if record.number("pid") != Some(daemon.process.pid) {
                return Err(Failure::new("recorded another", evidence()));
            }
            let guard = goes_on(guard)?;
            kill(daemon)?;
            post.cleared()?;
            return leaves(&guard);
        }
    }
    Err(Failure::new("it never looks", evidence()))
}
