//! A guard takes next to nothing while it waits: it does not wake up while nothing happens to its pidfile, whatever happens beside
//! it, and has a few pages of its own.

use std::fs;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::record::Record;

use super::post::{Post, falls_asleep, guard, guarded, kill, leaves, slept, start, with_pidfile};
use crate::promise::Promise;
use crate::scene::{Scene, file, write};

/// What one change of the pidfile may wake it: the events of one write, and what it looks at anew.
const FEW: u64 = 6;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "what_happens_beside_its_pidfile_does_not_wake_the_guard",
            sleeps,
        ),
        each(
            "a_guard_whose_pidfile_was_removed_or_moved_sleeps",
            without_pidfile,
        ),
        each("a_guard_that_waits_has_a_few_pages_of_its_own", rests),
    ]
    .into_iter()
}

/// What is a guard's alone, in KiB: a page of code, one of data, and its stack.
const PRIVATE: u64 = 32;

fn rests(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    // Waiting once more makes no difference.
    let mut times = 1;
    for _ in 0..3 {
        times = falls_asleep(guard.pid, times)? + 1;
        let now = proc::private_kib(guard.pid)?;
        if now > PRIVATE {
            return Err(Failure::new("more memory", format!("{now} KiB")));
        }
        write("x.pid", format!("{}\n\n", daemon.process.pid))?;
    }
    kill(daemon)?;
    post.cleared()
}

/// The one that the user asked for waits for it to come back.
fn without_pidfile(scene: &Scene) -> Checked {
    for moved in [false, true] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let daemon = with_pidfile()?;
        start(guard(scene, &["--named"], &post.pidfile))?;
        let guard = post.recorded(daemon.process.pid)?;
        match moved {
            true => fs::rename(&post.pidfile, file("x.oldbin")).doing("move it")?,
            false => fs::remove_file(&post.pidfile).doing("remove it")?,
        }
        post.until("emptied", || {
            Record::path(&post.pidfile)
                .metadata()
                .is_ok_and(|it| it.len() == 0)
                .then_some(())
        })?;
        // What comes of that wakes it a few times yet.
        let before = falls_asleep(guard.pid, 1)?;
        write("y.pid", "")?;
        let after = falls_asleep(guard.pid, before + 1)?;
        write("z.pid", "")?;
        let last = falls_asleep(guard.pid, after + 1)?;
        if last > before + 3 * FEW {
            return Err(Failure::new(
                "wakes up",
                format!("{before}, {after}, {last}"),
            ));
        }
        kill(daemon)?;
        leaves(&guard)?;
    }
    Ok(())
}

fn sleeps(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    let before = falls_asleep(guard.pid, 1)?;
    for number in 0..200 {
        let name = format!("{number}.pid");
        write(&name, "1\n")?;
        fs::remove_file(file(&name)).doing("remove it")?;
    }
    // Long enough for a timer of its own, if it had one.
    post.stays()?;
    let meanwhile = slept(guard.pid)?.0;
    let record = fs::read(Record::path(&post.pidfile)).doing("read the record")?;
    // It does wake up for this. By then it would have for all that came before.
    write("x.pid", format!("{}\n\n", daemon.process.pid))?;
    post.until("recorded anew", || {
        let now = fs::read(Record::path(&post.pidfile)).ok()?;
        (now != record && now.ends_with(b"end\n")).then_some(())
    })?;
    let after = falls_asleep(guard.pid, before + 1)?;
    if meanwhile != before || after > before + FEW {
        let evidence = format!("slept {before} times before, {meanwhile} meanwhile, {after} after");
        return Err(Failure::new("wakes up", evidence));
    }
    kill(daemon)?;
    post.cleared()
}
