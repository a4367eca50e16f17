//! How much memory a command has taken by the end of a long answer.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, fcntl};

use crate::failure::{Checked, Doing, Failure};

/// Lines that are left when memory is looked at: more than the pipe holds, so that the command still waits to say them.
const LEFT: usize = 200;

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Its own, now (`RssAnon` in `proc_pid_status(5)`).
    pub anonymous: u64,
    /// The most that was ever resident (`VmHWM`).
    pub peak: u64,
}

/// Runs a command whose answer has so many lines; its memory near the end.
///
/// # Errors
/// When it has another number of lines, or fails.
pub fn near_end(mut command: Command, lines: usize) -> Checked<Memory> {
    let mut child = command.stdout(Stdio::piped()).spawn().doing("start it")?;
    let pipe = child.stdout.take().ok_or("none").doing("its output")?;
    fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(4096)).doing("make the pipe small")?;
    let mut said = BufReader::with_capacity(4096, pipe);
    let mut line = String::new();
    for _ in LEFT..lines {
        line.clear();
        said.read_line(&mut line).doing("read a line")?;
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).doing("its status")?;
    let mut rest = String::new();
    said.read_to_string(&mut rest).doing("read the rest")?;
    let ended = child.wait().doing("wait for it")?;
    if !ended.success() || rest.lines().count() != LEFT {
        return Err(Failure::new("another answer", format!("{ended}\n{rest}")));
    }
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|it| it.split_whitespace().next()).ok_or(key);
        number.doing("its status")?.parse().doing("its status")
    };
    Ok(Memory {
        anonymous: value("RssAnon:")?,
        peak: value("VmHWM:")?,
    })
}
