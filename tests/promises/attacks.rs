//! What somebody with another user's rights may try, who wants a process of root's signalled, or a file of root's gone.

use std::env;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::evidence;

use crate::compare::bare;
use crate::guard::post::{daemon, ready};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{HOME, file, write};

mod deaths;
mod known;
mod locks;
mod questions;
mod rewriter;
mod rights;
mod siege;
mod stage;
mod succession;
mod swaps;
pub(crate) mod tracer;

/// As many stops as no command comes to.
pub(crate) const MANY: usize = 100_000;

/// The attacker: an ordinary user.
const MALLORY: u32 = 65534;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    known::promises()
        .chain(locks::promises())
        .chain(swaps::promises())
        .chain(questions::promises())
        .chain(deaths::promises())
        .chain(rights::promises())
        .chain(siege::promises())
        .chain(rewriter::promises())
        .collect()
}

/// Makes a directory of the attacker's.
fn directory_of_mallory(name: &str) -> Checked {
    fs::create_dir(file(name)).doing(name)?;
    chown(file(name), Some(MALLORY), Some(MALLORY)).doing(name)
}

/// A process of the attacker's does this, a line of shell with its arguments.
fn mallory(line: &str, arguments: &[&str]) -> Checked {
    let mut shell = bare("/bin/sh".as_ref());
    shell.args(["-c", line, "mallory"]).args(arguments);
    shell.current_dir(HOME).uid(MALLORY).gid(MALLORY);
    let output = shell.output().doing("be the attacker")?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure::new(
            "the test itself",
            format!("{line} {arguments:?}: {output:#?}"),
        )),
    }
}

/// A script of the attacker's, in Python, with its arguments.
fn script(name: &str, text: &str, words: impl IntoIterator<Item = String>) -> Checked<Command> {
    write(name, text)?;
    let mut python = bare("/usr/bin/python3".as_ref());
    python.arg(name).args(words).current_dir(HOME);
    python.uid(MALLORY).gid(MALLORY);
    Ok(python)
}

/// Root does something again and again while the attacker does: so often, or as `PIDWARD_ROUNDS` says, and until what has to
/// happen for the test to tell anything has happened once. Gives how often it was.
fn in_rounds(least: usize, mut round: impl FnMut(usize) -> Checked<bool>) -> Checked<usize> {
    let least = env::var("PIDWARD_ROUNDS").map_or(Ok(least), |rounds| rounds.parse());
    let least = least.doing("PIDWARD_ROUNDS")?;
    let mut has_happened = false;
    for number in 0..least.saturating_mul(20) {
        has_happened |= round(number)?;
        if has_happened && number + 1 >= least {
            return Ok(number + 1);
        }
    }
    Err(Failure::new("the test itself", "it tells nothing"))
}

/// The attacker writes a file of his, in the place of what is there.
fn write_as_mallory(name: &str, text: &str) -> Checked {
    mallory(
        "printf %s \"$2\" >\"$1.new\" && mv -f \"$1.new\" \"$1\"",
        &[name, text],
    )
}

/// The attacker makes a symbolic link, by its absolute path.
fn link_as_mallory(name: &str, to: &str) -> Checked {
    mallory("ln -s \"$PWD/$2\" \"$1\"", &[name, to])
}

/// The attacker moves what he can.
fn move_as_mallory(from: &str, to: &str) -> Checked {
    mallory("mv -f \"$1\" \"$2\"", &[from, to])
}

/// A process of root's that dies of any signal.
fn victim() -> Checked<Legacy> {
    ready(daemon("say ready hear"))
}

/// A daemon with the attacker's rights.
fn daemon_of_mallory(steps: &str) -> Checked<Legacy> {
    let mut command = daemon(steps);
    command.uid(MALLORY).gid(MALLORY);
    ready(command)
}

fn lives(process: &Legacy, what: &str) -> Checked {
    match process.process.is_dead() {
        false => Ok(()),
        true => Err(Failure::new(
            format!("killed the victim: {what}"),
            evidence(),
        )),
    }
}
