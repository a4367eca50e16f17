//! A record with one byte that is not what was written: a living daemon's pidfile is not stale by it, nor is a stranger the
//! daemon.

use std::fs;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use super::reused::with_old_number;
use crate::answer::ask;
use crate::guard::post::{guarded, kill, leaves};
use crate::promise::Promise;
use crate::scene::{Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "a_damaged_byte_of_a_record_makes_no_living_daemon_stale",
            of_the_living,
        ),
        each(
            "a_damaged_byte_of_a_record_makes_no_stranger_the_daemon",
            of_a_stranger,
        ),
    ]
    .into_iter()
}

/// What a byte may turn into: another digit or letter, and what is none.
fn instead_of(byte: u8) -> impl Iterator<Item = u8> {
    let flipped = (0..8).map(move |bit| byte ^ (1 << bit));
    flipped
        .chain(*b"09af \n\0\xff")
        .filter(move |&it| it != byte)
}

/// Asks of the pidfile with each byte of its record damaged in turn; `wrong` is what may not be said.
fn never(scene: &Scene, wrong: &str) -> Checked {
    let record = Record::path(&file("x.pid"));
    let whole = fs::read(&record).doing("read the record")?;
    for at in 0..whole.len() {
        for byte in instead_of(whole[at]) {
            let mut text = whole.clone();
            text[at] = byte;
            fs::write(&record, &text).doing("write the record")?;
            let answer = ask(scene, "status x.pid")?;
            if answer.out.contains(wrong) || answer.out.is_empty() {
                let text = String::from_utf8_lossy(&text).into_owned();
                let evidence = format!("byte {at}, {byte:#x}: {answer:#?}\n{text}");
                return Err(Failure::new(format!("it is {wrong}"), evidence));
            }
        }
    }
    fs::write(&record, &whole).doing("write the record")
}

fn of_the_living(scene: &Scene) -> Checked {
    let (daemon, guard, _post) = guarded(scene)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    never(scene, "stale ")?;
    ask(scene, "status x.pid")?.is_line(0, "running", "(verified by pidfd handle)")?;
    kill(daemon).map(drop)
}

fn of_a_stranger(scene: &Scene) -> Checked {
    let (_, stranger) = with_old_number(scene, "another_program")?;
    never(scene, "(verified")?;
    ask(scene, "status x.pid")?.is_line(1, "stale ", "(reused)")?;
    kill(stranger).map(drop)
}
