//! System calls that fail because strace(1) has them fail.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::process::Command;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::path;

use crate::compare::bare;
use crate::scene::HOME;

/// How they fail: for lack of memory, of rights, of room, of descriptors; a broken disk, a signal, a kernel too old.
pub(crate) const ERRORS: &[&str] = &[
    "ENOMEM", "EACCES", "ENOSPC", "EMFILE", "EIO", "EINTR", "ENOSYS",
];

/// What cannot fail, or only for arguments that are wrong, or does not return.
const NEVER_FAIL: [&str; 12] = [
    // It answers with an address, and no error.
    "brk",
    "exit",
    "exit_group",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "gettid",
    "getuid",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
];

/// One system call of a run: the how many-eth of its name.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    number: usize,
}

/// Has each of them fail in turn.
pub(crate) fn each(calls: &[Call], error: &str, one: impl Fn(&Call) -> Checked) -> Checked {
    calls.iter().try_for_each(|call| {
        let what = format!("{call:?} {error}");
        one(call).map_err(|failure| Failure::new(what, failure))
    })
}

/// What strace says of a run.
pub(crate) struct Trace {
    lines: Vec<(Call, String)>,
}

/// The same command below strace, which ends as it does, or above it with `-D`; with its own environment.
fn traced(plain: &Command, options: &[&str]) -> Command {
    let mut command = bare("/usr/bin/strace".as_ref());
    command.arg("-q").args(options);
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            let setting = [name, OsStr::new("="), value];
            command
                .arg("-E")
                .arg(setting.into_iter().collect::<OsString>());
        }
    }
    command.arg("--").arg(plain.get_program());
    command.args(plain.get_args()).current_dir(HOME);
    command
}

/// The command, whose system calls are written down; the process that was started is it.
pub(crate) fn written_down(plain: &Command) -> Command {
    traced(plain, &["-D", "-o", &path("trace").display().to_string()])
}

/// The command with this one of its system calls failing so.
pub(crate) fn failing(plain: &Command, call: &Call, error: &str) -> Command {
    traced(plain, &call.failing(error).each_ref().map(String::as_str))
}

/// The same; the process that was started is the command, and what that becomes.
pub(crate) fn failing_itself(plain: &Command, call: &Call, error: &str) -> Command {
    let [quiet, detach, set, inject] = call.failing(error);
    traced(plain, &["-D", &quiet, &detach, &set, &inject])
}

impl Call {
    /// The first one of this name.
    pub(crate) fn first(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            number: 1,
        }
    }

    /// Not in what it becomes by execve(2): how many calls it has made until then may depend on others.
    fn failing(&self, error: &str) -> [String; 4] {
        let Self { name, number } = self;
        let inject = format!("-einject={name}:error={error}:when={number}");
        let [quiet, detach] = ["-o/dev/null", "-bexecve"].map(str::to_owned);
        [quiet, detach, format!("-etrace={name}"), inject]
    }
}

impl Trace {
    /// What was written down, up to the process's end. strace writes that when the process may be known to be dead already: what
    /// is read before misses the last calls.
    pub(crate) fn read() -> Checked<Self> {
        let whole = || {
            let text = fs::read(path("trace")).ok()?;
            let last = text.trim_ascii_end().rsplit(|&byte| byte == b'\n').next();
            last.is_some_and(|last| last.starts_with(b"+++ "))
                .then_some(text)
        };
        let text = every_ten_milliseconds(Deadline::seconds(10), whole);
        let text = text.ok_or("no end in it").doing("read the trace")?;
        let mut counts = HashMap::new();
        let lines = String::from_utf8_lossy(&text)
            .lines()
            .filter_map(|line| {
                let (name, _) = line.split_once('(')?;
                let is_name = name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                is_name.then(|| (name.to_owned(), line.to_owned()))
            })
            .map(|(name, line)| {
                let count = counts.entry(name.clone()).or_insert(0);
                *count += 1;
                let call = Call {
                    name,
                    number: *count,
                };
                (call, line)
            })
            .collect();
        Ok(Self { lines })
    }

    /// How many calls there are.
    pub(crate) fn count(&self) -> usize {
        self.lines.len()
    }

    /// The calls that can fail, from the first line with this in it to the next with that, or the end.
    pub(crate) fn between(&self, first: &str, last: Option<&str>) -> Checked<Vec<Call>> {
        let from = self
            .lines
            .iter()
            .skip_while(|(_, line)| !line.contains(first));
        let calls: Vec<Call> = from
            .skip(1)
            .take_while(|(_, line)| !last.is_some_and(|last| line.contains(last)))
            .map(|(call, _)| call.clone())
            .filter(|call| !NEVER_FAIL.contains(&&*call.name))
            .collect();
        match calls.len() {
            0 => Err(Failure::new("the test itself", "no system calls")),
            _ => Ok(calls),
        }
    }
}
