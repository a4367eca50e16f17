//! A swap between any two system calls of pidward's changes nothing: whoever owns the directory swaps the file, the
//! record, the directory or the process, at each stop in turn.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::evidence;

use super::known::dead;
use super::stage::{SWAPS, Stage};
use super::succession::{SUCCESSIONS, Swapped, clear, is_kept, new_text, open};
use super::tracer::{ends_with, stopped_at};
use super::{MANY, daemon_of_mallory, lives, write_as_mallory};
use crate::answer::LEVELS;
use crate::guard::post::{daemon, kill};
use crate::legacy::Legacy;
use crate::number::{IDLE, with_number};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

/// What sends something to the process of the pidfile, which ignores it; the victim would die of it.
const SENDS: [&str; 2] = ["signal USR1 app/x.pid", "stop --schedule USR1/0 app/x.pid"];

/// How they end: having done it, or having said why not.
const WELL: &[i32] = &[0, 1, 4, 7];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let of_files = SWAPS.into_iter().map(|(name, swap)| {
        Promise::new(
            format!("a_swap_at_any_system_call_signals_nobody_else::{name}"),
            move |scene| signals_nobody_else(scene, swap),
        )
    });
    let of_removals = SUCCESSIONS.into_iter().map(|(name, swap)| {
        Promise::new(
            format!("a_swap_at_any_system_call_removes_nothing_else::{name}"),
            move |scene| removes_nothing_else(scene, swap),
        )
    });
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    of_files.chain(of_removals).chain([
        each(
            "a_swap_at_any_system_call_signals_nobody_else::another_process",
            another_process,
        ),
        each(
            "what_a_successor_opens_at_any_system_call_is_not_removed",
            opened,
        ),
        each(
            "what_a_successor_of_the_same_number_writes_at_any_system_call_is_not_removed",
            same_number,
        ),
    ])
}

fn signals_nobody_else(scene: &Scene, swap: fn(&Stage) -> Checked) -> Checked {
    let stage = Stage::set(scene)?;
    let of_levels = LEVELS.map(|(without, _)| (SENDS[0], without));
    for (line, without) in of_levels.into_iter().chain([(SENDS[1], "")]) {
        let words: Vec<&str> = line.split(' ').collect();
        let mut sent = 0;
        for number in 0..MANY {
            let mut command = pidward(scene, &words);
            command.env("PIDWARD_WITHOUT", without);
            let Some(output) = stopped_at(command, number, || swap(&stage))? else {
                break;
            };
            let what = format!("{line} without {without}, at stop {number}: {output:#?}");
            lives(&stage.victim, &what)?;
            lives(&stage.daemon, &what)?;
            ends_with(&output, WELL, &what)?;
            sent += usize::from(matches!(output.status.code(), Some(0 | 1)));
            stage.restore()?;
        }
        // Late swaps come after the signal was sent to the right one; early ones before.
        if sent == 0 {
            return Err(Failure::new(
                "the test itself",
                format!("{line} never sent anything"),
            ));
        }
    }
    kill(stage.daemon)?;
    kill(stage.victim).map(drop)
}

/// The daemon dies and is reaped, and a process of root's gets its number.
fn another_process(scene: &Scene) -> Checked {
    for line in SENDS {
        let words: Vec<&str> = line.split(' ').collect();
        let mut sent = 0;
        for number in 0..MANY {
            let stage = Stage::set(scene)?;
            kill(stage.victim)?;
            let pid = stage.daemon.process.pid;
            let mut stranger = None;
            let output = stopped_at(pidward(scene, &words), number, || {
                kill(stage.daemon)?;
                stranger = Some(with_number(pid, || daemon(IDLE))?);
                Ok(())
            })?;
            let (Some(output), Some(stranger)) = (output, stranger) else {
                break;
            };
            let what = format!("{line}, at stop {number}: {output:#?}");
            lives(&stranger, &what)?;
            ends_with(&output, WELL, &what)?;
            sent += usize::from(!output.stdout.is_empty());
            kill(stranger)?;
        }
        if sent == 0 {
            return Err(Failure::new(
                "the test itself",
                format!("{line} never sent anything"),
            ));
        }
    }
    Ok(())
}

fn removes_nothing_else(scene: &Scene, swap: fn(&Legacy) -> Checked<Swapped>) -> Checked {
    scene.clear()?;
    let new = daemon_of_mallory("say ready hear")?;
    let stale = format!("{}\n", dead()?);
    fs::create_dir(file("other")).doing("make a directory")?;
    fs::write(file("other/x.pid"), &stale).doing("a file of root's")?;
    for line in ["stop app/x.pid", "sweep app"] {
        let words: Vec<&str> = line.split(' ').collect();
        let mut removed = 0;
        for number in 0..MANY {
            set_stale(&stale)?;
            let mut swapped = false;
            let meanwhile = || {
                swapped = swap(&new)?;
                Ok(())
            };
            let Some(output) = stopped_at(pidward(scene, &words), number, meanwhile)? else {
                break;
            };
            let what = format!("{line}, at stop {number}: {output:#?}\n{}", evidence());
            ends_with(&output, WELL, &what)?;
            is_kept(&new, swapped, &stale, &what)?;
            removed += usize::from(!output.stdout.is_empty());
        }
        if removed == 0 {
            return Err(Failure::new("the test itself", "nothing was ever removed"));
        }
    }
    kill(new).map(drop)
}

/// Nothing but a pidfile of this text in the attacker's directory.
fn set_stale(text: &str) -> Checked {
    clear()?;
    write_as_mallory("app/x.pid", text)
}

/// What removes a stale pidfile.
const REMOVES: [&str; 3] = [
    "stop app/x.pid",
    "sweep app",
    "run -p app/x.pid --no-preload -- true",
];

/// Stops each of those at each stop, where `meanwhile` happens and gives what `is_kept` looks at in the end. A stop at
/// which it gives nothing is passed by.
fn keeps<T>(
    scene: &Scene,
    dead: i32,
    meanwhile: impl Fn() -> Checked<Option<T>>,
    is_kept: impl Fn(T) -> Checked<bool>,
) -> Checked {
    for line in REMOVES {
        let words: Vec<&str> = line.split(' ').collect();
        let mut removed = 0;
        for number in 0..MANY {
            set_stale(&format!("{dead}\n"))?;
            let mut happened = None;
            let mut command = pidward(scene, &words);
            command.env("PIDWARD_GUARD", "off");
            let Some(output) = stopped_at(command, number, || {
                happened = meanwhile()?;
                Ok(())
            })?
            else {
                break;
            };
            let what = format!("{line}, at stop {number}: {output:#?}\n{}", evidence());
            ends_with(&output, WELL, &what)?;
            let said = [&output.stdout[..], &output.stderr].concat();
            removed += usize::from(String::from_utf8_lossy(&said).contains("removed "));
            if let Some(happened) = happened
                && !is_kept(happened)?
            {
                return Err(Failure::new("removed the successor's pidfile", what));
            }
        }
        if removed == 0 {
            return Err(Failure::new("the test itself", "nothing was ever removed"));
        }
    }
    Ok(())
}

/// It opens the old file as it is, and writes it when all is over.
fn opened(scene: &Scene) -> Checked {
    scene.clear()?;
    keeps(
        scene,
        dead()?,
        || open(false),
        |mut pidfile| {
            writeln!(pidfile, "1").doing("write the file")?;
            let it = pidfile.metadata().doing("the file")?.ino();
            Ok(fs::metadata(file("app/x.pid")).is_ok_and(|now| now.ino() == it))
        },
    )
}

/// It has got its predecessor's number, and written it in place.
fn same_number(scene: &Scene) -> Checked {
    scene.clear()?;
    let dead = dead()?;
    let meanwhile = || {
        let new = with_number(dead, || daemon(IDLE))?;
        if new_text(&new)? {
            return Ok(Some(new));
        }
        kill(new).map(|_| None)
    };
    keeps(scene, dead, meanwhile, |new| {
        let is_there = file("app/x.pid").exists();
        kill(new).map(|_| is_there)
    })
}
