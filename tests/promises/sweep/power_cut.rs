//! A hard power cut: pidfiles with records of another boot, and the machine is up again.

use std::fs;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::{is_there, kill_guard};
use crate::answer::ask;
use crate::guard::post::{Post, daemon, guard, kill, ready, start};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    [Promise::new(
        "after_a_power_cut_all_that_is_stale_goes_and_all_that_lives_stays",
        power_cut,
    )]
    .into_iter()
}

/// Of each kind.
const MANY: usize = 12;

/// A daemon whose record is of another boot: of all that was up before the cut. Its guard is gone with all else.
fn of_another_boot(scene: &Scene, name: &str) -> Checked<Legacy> {
    let post = Post::at(name)?;
    let daemon = ready(daemon(&format!("make rename {name} say ready hear")))?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(daemon.process.pid)?;
    kill_guard(&guard)?;
    let path = Record::path(&post.pidfile);
    let record = fs::read_to_string(&path).doing("read the record")?;
    let boot = record.lines().find(|line| line.starts_with("boot "));
    let boot = boot.ok_or("none").doing("the boot")?;
    let other = "boot 00000000-0000-0000-0000-000000000000";
    fs::write(&path, record.replace(boot, other)).doing("write the record")?;
    Ok(daemon)
}

/// Half of the old numbers are alive again, as somebody else's; and daemons that run again have made theirs anew, some
/// of them over an old record.
fn power_cut(scene: &Scene) -> Checked {
    scene.clear()?;
    let (mut strangers, mut daemons) = (Vec::new(), Vec::new());
    for index in 0..MANY {
        kill(of_another_boot(scene, &format!("dead{index}.pid"))?)?;
        // It goes on, as whoever else has its number now.
        strangers.push(of_another_boot(scene, &format!("reused{index}.pid"))?);
        let name = format!("live{index}.pid");
        if index % 2 == 0 {
            kill(of_another_boot(scene, &name)?)?;
        }
        daemons.push(ready(daemon(&format!(
            "make rename {name} say ready hear"
        )))?);
    }
    let answer = ask(scene, "sweep .")?;
    let removed = answer
        .out
        .lines()
        .filter(|it| it.starts_with("removed  "))
        .count();
    answer.is(
        0,
        removed == 2 * MANY && answer.out.lines().count() == removed,
        "removals",
    )?;
    for index in 0..MANY {
        let [dead, reused, live] = ["dead", "reused", "live"].map(|it| format!("{it}{index}.pid"));
        if is_there(&dead) || is_there(&reused) || !is_there(&live) {
            return Err(Failure::new(
                "something stale stayed, or live went",
                evidence(),
            ));
        }
    }
    for index in 0..MANY {
        let text = fs::read_to_string(file(&format!("live{index}.pid"))).doing("read it")?;
        let pid = daemons.get(index).map(|it| it.process.pid.to_string());
        if Some(text.trim()) != pid.as_deref() {
            return Err(Failure::new("a live pidfile was written", text));
        }
    }
    for process in strangers.into_iter().chain(daemons) {
        process.process.signal(Signal::SIGKILL).doing("kill it")?;
        process.end()?;
    }
    Ok(())
}
