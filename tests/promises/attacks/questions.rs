//! Who asks whom a pidfile means, and who is to record it, is fooled by no swap between any two system calls.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::stage::{SWAPS, Stage};
use super::tracer::{Traced, ends_with, stopped_at};
use super::{MANY, lives};
use crate::guard::post::{ends_or_waits, guard, kill, kill_guards};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

type Swapping = fn(&Stage) -> Checked;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene, Swapping) -> Checked| {
        SWAPS.into_iter().map(move |(swap, made)| {
            Promise::new(format!("{name}::{swap}"), move |scene| check(scene, made))
        })
    };
    each(
        "a_swap_at_any_system_call_of_status_or_wait_makes_nobody_else_the_daemon",
        mistakes_nobody,
    )
    .chain(each(
        "a_swap_at_any_system_call_of_adopt_records_nobody_else",
        adopts_nobody_else,
    ))
    .chain(each(
        "a_swap_at_any_system_call_of_a_guard_records_nobody_else",
        records_nobody_else,
    ))
}

fn mistakes_nobody(scene: &Scene, swap: Swapping) -> Checked {
    let stage = Stage::set(scene)?;
    for line in ["status app/x.pid", "wait --timeout 0 app/x.pid"] {
        let words: Vec<&str> = line.split(' ').collect();
        let mut right = 0;
        for number in 0..MANY {
            let Some(output) = stopped_at(pidward(scene, &words), number, || swap(&stage))? else {
                break;
            };
            let what = format!("{line}, at stop {number}: {output:#?}");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let victim = format!("pid {} ", stage.victim.process.pid);
            if said.starts_with("running") && said.contains(&victim) {
                return Err(Failure::new("took the victim for the daemon", what));
            }
            right += usize::from(matches!(output.status.code(), Some(0 | 124)));
            ends_with(&output, &[0, 3, 4, 124], &what)?;
            stage.restore()?;
        }
        if right == 0 {
            return Err(Failure::new("the test itself", line));
        }
    }
    kill(stage.daemon)?;
    kill(stage.victim).map(drop)
}

fn adopts_nobody_else(scene: &Scene, swap: Swapping) -> Checked {
    let stage = Stage::set(scene)?;
    let mut adopted = 0;
    for number in 0..MANY {
        fs::remove_file(Record::path(&file("app/x.pid"))).doing("remove the record")?;
        let command = pidward(scene, &["adopt", "app/x.pid"]);
        let Some(output) = stopped_at(command, number, || swap(&stage))? else {
            break;
        };
        let what = format!("adopt, at stop {number}: {output:#?}");
        adopted += usize::from(output.status.code() == Some(0));
        ends_with(&output, &[0, 1, 4], &what)?;
        is_not_recorded(&stage, &what)?;
        kill_guards()?;
        stage.restore()?;
        stage.put_record_back()?;
    }
    match adopted {
        0 => Err(Failure::new("the test itself", "nothing was ever adopted")),
        _ => {
            kill(stage.daemon)?;
            kill(stage.victim).map(drop)
        }
    }
}

fn records_nobody_else(scene: &Scene, swap: Swapping) -> Checked {
    let stage = Stage::set(scene)?;
    for number in 0..MANY {
        fs::remove_file(Record::path(&file("app/x.pid"))).doing("remove the record")?;
        let mut traced = Traced::start(guard(scene, &[], &file("app/x.pid")))?;
        for _ in 0..=number {
            traced.goes_on()?;
        }
        // Until it waits for the daemon's death.
        let is_done = Record::read(&file("app/x.pid")).is_some();
        swap(&stage)?;
        let process = Process::open(traced.pid()).ok_or("none").doing("open it")?;
        let mut child = traced.let_go()?;
        ends_or_waits(&process)?;
        let what = format!("at stop {number}\n{}", evidence());
        is_not_recorded(&stage, &what)?;
        process.signal(Signal::SIGKILL).doing("end the guard")?;
        child.wait().doing("wait for it")?;
        stage.restore()?;
        stage.put_record_back()?;
        if is_done {
            kill(stage.daemon)?;
            return kill(stage.victim).map(drop);
        }
    }
    Err(Failure::new("the test itself", "nothing was ever recorded"))
}

/// Root has recorded the victim nowhere but where it belongs, and it lives.
fn is_not_recorded(stage: &Stage, what: &str) -> Checked {
    let record = file("app/x.pid");
    let is_roots = Record::path(&record)
        .metadata()
        .is_ok_and(|it| it.uid() == 0);
    let victim = Some(stage.victim.process.pid);
    let is_his = Record::read(&record).is_some_and(|record| record.number("pid") == victim);
    // Behind the attacker's link it is the victim's own record.
    if is_roots && is_his && !file("away").exists() {
        return Err(Failure::new("recorded the victim", what));
    }
    lives(&stage.victim, what)
}
