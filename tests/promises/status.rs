//! The promises of `pidward status`: what a pidfile means, in a line and an exit status, and nothing is changed.

use std::path::Path;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::promise::Promise;
use crate::run::{installed, pidward};
use crate::scene::Scene;

mod classes;
mod json;
mod nothing_changes;
mod reused;
mod several;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(classes::promises());
    all.extend(reused::promises());
    all.extend(several::promises());
    all.extend(json::promises());
    all.extend(nothing_changes::promises());
    all
}

/// What status has answered.
#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    fn of(mut command: Command) -> Checked<Self> {
        let output = command.output().doing("run pidward status")?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        })
    }

    /// It is one line on standard output that begins and ends so, and this exit status.
    fn is_line(&self, code: i32, begin: &str, end: &str) -> Checked {
        let line = self.out.strip_suffix('\n').unwrap_or_default();
        let is_one = !line.contains('\n') && line.starts_with(begin) && line.ends_with(end);
        self.is(code, is_one, &format!("{begin} … {end}"))
    }

    /// It is these lines, of which the beginnings are given.
    fn is_lines(&self, code: i32, begins: &[&str]) -> Checked {
        let lines: Vec<&str> = self.out.lines().collect();
        let pairs = lines.iter().zip(begins);
        let alike = pairs
            .into_iter()
            .all(|(line, begin)| line.starts_with(begin));
        self.is(
            code,
            lines.len() == begins.len() && alike,
            &begins.join("\n"),
        )
    }

    fn is(&self, code: i32, as_expected: bool, expected: &str) -> Checked {
        if self.code == Some(code) && as_expected && self.err.is_empty() {
            return Ok(());
        }
        let evidence = format!("{self:#?}\nexpected {code}\n{expected}");
        Err(Failure::new("another answer", evidence))
    }
}

/// The answer to these arguments.
fn status(scene: &Scene, arguments: &[&str]) -> Checked<Answer> {
    let mut command = pidward(scene, &["status"]);
    command.args(arguments);
    Answer::of(command)
}

/// The answer that nobody gets, from files that he may execute.
fn status_as_nobody(copy: &Path, arguments: &[&str]) -> Checked<Answer> {
    use std::os::unix::process::CommandExt;
    let mut command = installed(copy, &["status"]);
    command.args(arguments).uid(65534).gid(65534);
    Answer::of(command)
}
