//! A command that looks at a pidfile's process, one of whose system calls fails.

use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::injection::{Call, ERRORS, Trace, each, failing, written_down};
use crate::answer::Answer;
use crate::guard::post::{daemon, guarded_with, kill, kill_guards, leaves};
use crate::number::{IDLE, abandoned_idle, with_number};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file, write};

/// A command, how it ends when all goes well, and how when it says that something did not.
struct Asked {
    line: &'static str,
    well: i32,
    told: &'static [i32],
}

/// Of a daemon that ignores what is sent, and lives.
const OF_A_LIVING_ONE: [Asked; 5] = [
    Asked {
        line: "status x.pid",
        well: 0,
        told: &[4],
    },
    Asked {
        line: "signal USR1 x.pid",
        well: 0,
        told: &[1, 4],
    },
    Asked {
        line: "stop --schedule USR1/0 x.pid",
        well: 1,
        told: &[4],
    },
    Asked {
        line: "wait --timeout 0 x.pid",
        well: 124,
        told: &[4],
    },
    Asked {
        line: "adopt x.pid",
        well: 0,
        told: &[1, 4],
    },
];

/// Of one that is dead, whose number another has: he would die of what is sent.
const OF_A_STRANGER: [Asked; 5] = [
    Asked {
        line: "status x.pid",
        well: 1,
        told: &[4],
    },
    Asked {
        line: "signal --unverified USR1 x.pid",
        well: 7,
        told: &[4],
    },
    Asked {
        line: "stop --unverified --schedule USR1/0 x.pid",
        well: 0,
        told: &[1, 4],
    },
    Asked {
        line: "wait --timeout 0 x.pid",
        well: 0,
        told: &[4],
    },
    Asked {
        line: "adopt --unverified x.pid",
        well: 7,
        told: &[4],
    },
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "whichever_system_call_of_a_command_fails_it_says_so_and_the_daemon_stays",
        ERRORS,
        of_a_living_one,
    )
    .chain(Promise::each(
        "whichever_system_call_of_a_command_fails_a_stranger_is_not_taken_for_the_daemon",
        ERRORS,
        of_a_stranger,
    ))
}

fn command(scene: &Scene, line: &str) -> Command {
    let words: Vec<&str> = line.split(' ').collect();
    pidward(scene, &words)
}

/// Behind what the loader does.
fn calls(scene: &Scene, asked: &Asked) -> Checked<Vec<Call>> {
    let answer = Answer::of(written_down(&command(scene, asked.line)))?;
    answer.says(asked.well, true, "the test itself")?;
    Trace::read()?.between("prlimit64(", None)
}

/// It ends as if nothing had failed, or says what has.
fn is_told(answer: &Answer, asked: &Asked) -> Checked {
    let is_well = answer.code == Some(asked.well);
    let is_told = answer.code.is_some_and(|code| asked.told.contains(&code))
        && !format!("{}{}", answer.out, answer.err).is_empty();
    match (is_well || is_told) && !answer.err.contains("panicked") {
        true => Ok(()),
        false => Err(Failure::new("another end", format!("{answer:#?}"))),
    }
}

fn of_a_living_one(scene: &Scene, error: &str) -> Checked {
    let steps = "set sigaction 10 SIG_IGN 0 make open x.pid say ready hear";
    let (daemon, guard, post) = guarded_with(scene, steps)?;
    for asked in OF_A_LIVING_ONE {
        each(&calls(scene, &asked)?, error, |call| {
            let answer = Answer::of(failing(&command(scene, asked.line), call, error))?;
            let what = format!("{}: {answer:#?}", asked.line);
            is_told(&answer, &asked).map_err(|it| Failure::new(asked.line, it))?;
            let stays = !daemon.process.is_dead() && post.is_there() && post.has_record();
            match stays && !guard.is_dead() {
                true => Ok(()),
                false => Err(Failure::new("the daemon or what is its is gone", what)),
            }
        })?;
    }
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}

/// The pidfile and the record of the one that is dead, as he had left them.
fn put_back(pid: i32, record: &str) -> Checked {
    write("x.pid", format!("{pid}\n"))?;
    write("x.pid.ward", Record::bound_to(record, &file("x.pid"))?)
}

fn of_a_stranger(scene: &Scene, error: &str) -> Checked {
    let pid = abandoned_idle(scene)?;
    let record = fs::read_to_string(file("x.pid.ward")).doing("read the record")?;
    let stranger = with_number(pid, || daemon(IDLE))?;
    for asked in OF_A_STRANGER {
        put_back(pid, &record)?;
        each(&calls(scene, &asked)?, error, |call| {
            put_back(pid, &record)?;
            let answer = Answer::of(failing(&command(scene, asked.line), call, error))?;
            is_told(&answer, &asked).map_err(|it| Failure::new(asked.line, it))?;
            kill_guards()?;
            // A record that was written anew is of him.
            let guard = Record::read(&file("x.pid")).and_then(|now| now.number("guard"));
            let is_taken = guard.is_some_and(|it| !record.contains(&format!("guard {it}\n")))
                || answer.out.starts_with("running ");
            match !stranger.process.is_dead() && !is_taken {
                true => Ok(()),
                false => {
                    let what = format!("{}: {answer:#?}\n{}", asked.line, evidence());
                    Err(Failure::new("took the stranger for the daemon", what))
                }
            }
        })?;
    }
    kill(stranger).map(drop)
}
