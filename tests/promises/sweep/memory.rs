//! A sweep takes no more memory for a large tree than for a small one.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use nix::fcntl::{FcntlArg, fcntl};
use pidward_tests::failure::{Checked, Doing, Failure};

use super::NOBODY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    [Promise::new(
        "a_sweep_of_many_pidfiles_takes_no_more_memory_than_of_few",
        memory,
    )]
    .into_iter()
}

/// What the larger tree may take more, in KiB. To remember a path of each file would be some thousand.
const MORE: u64 = 128;

/// Lines that are left when memory is looked at: more than the pipe holds, so that the sweep still waits to say them.
const LEFT: usize = 200;

fn memory(scene: &Scene) -> Checked {
    let (few, many) = (of_sweep(scene, 1_000)?, of_sweep(scene, 20_000)?);
    for (what, few, many) in [("anonymous", few.0, many.0), ("at most", few.1, many.1)] {
        if many > few + MORE {
            let message = format!("{few} KiB for 1000, {many} KiB for 20000");
            return Err(Failure::new(format!("more memory, {what}"), message));
        }
    }
    Ok(())
}

/// Anonymous memory near the end of a sweep, and the most it had resident, in KiB.
fn of_sweep(scene: &Scene, count: usize) -> Checked<(u64, u64)> {
    scene.clear()?;
    for number in 0..count {
        let directory = file(&format!("{}", number / 500));
        if number % 500 == 0 {
            fs::create_dir(&directory).doing("make a directory")?;
        }
        let text = if number % 2 == 0 { NOBODY } else { "x\n" };
        fs::write(directory.join(format!("{number}.pid")), text).doing("make a pidfile")?;
    }
    let mut sweep = pidward(scene, &["sweep", HOME]);
    let mut child = sweep
        .stdout(Stdio::piped())
        .spawn()
        .doing("start a sweep")?;
    let pipe = child.stdout.take().ok_or("none").doing("its output")?;
    fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(4096)).doing("make the pipe small")?;
    let mut lines = BufReader::with_capacity(4096, pipe);
    let mut line = String::new();
    for _ in 0..count - LEFT {
        line.clear();
        lines.read_line(&mut line).doing("read a line")?;
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).doing("its status")?;
    let mut rest = String::new();
    lines.read_to_string(&mut rest).doing("read the rest")?;
    let ended = child.wait().doing("wait for the sweep")?;
    if !ended.success() || rest.lines().count() != LEFT {
        return Err(Failure::new("another answer", format!("{ended}\n{rest}")));
    }
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|it| it.split_whitespace().next()).ok_or(key);
        number.doing("its status")?.parse().doing("its status")
    };
    Ok((value("RssAnon:")?, value("VmHWM:")?))
}
