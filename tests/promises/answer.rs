//! What a command of pidward's has answered: its exit status, and what it said on each of the two.

use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::run::pidward;
use crate::scene::Scene;

/// What is taken from the kernel, so that the proofs are those of older ones, and the proof that is left.
pub(crate) const LEVELS: [(&str, &str); 5] = [
    ("", "verified by pidfd handle"),
    ("handle", "verified by pidfd inode"),
    ("handle,info", "verified by pidfd inode"),
    ("handle,info,inode", "verified by start time"),
    ("handle,info,inode,pidfd", "verified by start time"),
];

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The answer to a line of words.
pub(crate) fn ask(scene: &Scene, line: &str) -> Checked<Answer> {
    ask_without(scene, "", line)
}

/// The same, of a kernel without these.
pub(crate) fn ask_without(scene: &Scene, without: &str, line: &str) -> Checked<Answer> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut command = pidward(scene, &words);
    command.env("PIDWARD_WITHOUT", without);
    Answer::of(command)
}

impl Answer {
    /// The answer of a command.
    pub(crate) fn of(mut command: Command) -> Checked<Self> {
        let output = command.output().doing("run pidward")?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        })
    }

    /// It is one line on standard output that begins and ends so, and this exit status.
    pub(crate) fn is_line(&self, code: i32, begin: &str, end: &str) -> Checked {
        let line = self.out.strip_suffix('\n').unwrap_or_default();
        let is_one = !line.contains('\n') && line.starts_with(begin) && line.ends_with(end);
        self.is(code, is_one, &format!("{begin} … {end}"))
    }

    /// It is these lines, of which the beginnings are given.
    pub(crate) fn is_lines(&self, code: i32, begins: &[&str]) -> Checked {
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

    /// It is this exit status, as expected otherwise, and nothing on standard error.
    pub(crate) fn is(&self, code: i32, as_expected: bool, expected: &str) -> Checked {
        self.says(code, as_expected && self.err.is_empty(), expected)
    }

    /// It is nothing on standard output, this exit status, and an error that has these parts: what, why, and in a line
    /// of its own what to do.
    pub(crate) fn is_refusal(&self, code: i32, parts: &[&str]) -> Checked {
        let has_all = parts.iter().all(|part| self.err.contains(part));
        let has_hint = self.err.lines().any(|line| line.starts_with("  "));
        let is_one = has_all && has_hint && self.out.is_empty();
        self.says(code, is_one, &format!("refusal with {parts:?}"))
    }

    /// It is this exit status, and as expected otherwise.
    pub(crate) fn says(&self, code: i32, as_expected: bool, expected: &str) -> Checked {
        if self.code == Some(code) && as_expected {
            return Ok(());
        }
        let evidence = format!("{self:#?}\nexpected {code}\n{expected}");
        Err(Failure::new("another answer", evidence))
    }
}
