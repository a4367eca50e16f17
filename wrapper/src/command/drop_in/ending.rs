//! Whether lines at the end of a shell's text would be executed when it is sourced. The shell is asked, by `sh -n`, which
//! executes nothing: what is whole is taken by it, and not with `done` behind it, which begins no command. Where that is
//! taken too, it is in a here-document, or belongs to a line that goes on.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::process::{Command, Stdio};

use nix::sys::memfd::{MFdFlags, memfd_create};

/// Why they would not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// The shell does not take the text, and says this.
    NotTaken(String),
    /// The last line goes on behind the end, or a here-document does.
    GoesOn,
    /// `exit`, `return`, or an `exec` of something else, whatever was before: the line.
    Leaves(usize, String),
}

impl Obstacle {
    /// The one in this text, if there is one.
    ///
    /// # Errors
    /// When the shell cannot be asked.
    pub(crate) fn of(text: &str) -> io::Result<Option<Self>> {
        if let Err(said) = taken(text)? {
            return Ok(Some(Self::NotTaken(said)));
        }
        for before in leaving(text) {
            if is_whole(before)? {
                let line = before.matches('\n').count();
                let text = text.lines().nth(line).unwrap_or_default();
                return Ok(Some(Self::Leaves(line + 1, text.trim().to_owned())));
            }
        }
        Ok((!is_whole(text)?).then_some(Self::GoesOn))
    }
}

/// Whether a command may begin behind the text, and no other is open there.
fn is_whole(text: &str) -> io::Result<bool> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    Ok(taken(text)?.is_ok() && taken(&format!("{text}{end}done\n"))?.is_err())
}

/// Whether the shell takes the text, or what it says of it.
fn taken(text: &str) -> io::Result<Result<(), String>> {
    let mut file = File::from(memfd_create(c"text", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-n")
        .env_clear()
        .stdin(file)
        .stdout(Stdio::null());
    let output = shell.output()?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(Err(said.lines().next().unwrap_or_default().to_owned()))
}

/// What is before each command that leaves the file, if it is one: it stands where one may.
fn leaving(text: &str) -> impl Iterator<Item = &str> {
    let begins = text
        .char_indices()
        .filter(|(_, it)| matches!(it, '\n' | ';'))
        .map(|(at, _)| at + 1);
    std::iter::once(0).chain(begins).filter_map(|at| {
        let (before, behind) = text.split_at_checked(at)?;
        let command = behind.lines().next().unwrap_or_default();
        leaves(command).then_some(before)
    })
}

fn leaves(command: &str) -> bool {
    let mut words = command.split([' ', '\t', ';']).filter(|it| !it.is_empty());
    match words.next() {
        Some("exit" | "return") => true,
        // Without a command it opens files (exec(1p)).
        Some("exec") => words.next().is_some_and(|word| {
            !word
                .trim_start_matches(|it: char| it.is_ascii_digit())
                .starts_with(['<', '>', '#', '&', '|'])
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Obstacle> {
        Obstacle::of(text).unwrap()
    }

    #[test]
    fn what_is_whole_goes_on_at_its_end() {
        for text in [
            "",
            "A=1",
            "A=1\n# don't \\\n",
            "A=\"it's\"\nB='x\ny'\n",
            "cat <<E\nexit\n'\nE\n",
            "cat <<-'E'\n\tx\n\tE\n",
            "f() {\nreturn 1\n}\n",
            "if x; then\n  exit\nfi\n",
            "case x in\nexit) A=1;;\nesac\n",
            "(\nexit 1\n)\n",
            "[ -e /x ] || return 0\n",
            "x \\\nexit\n",
            "exec 3>&1\nexec >/dev/null\n",
        ] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_does_not() {
        for text in ["A=1\nB=2\\\n", "A=1 \\", "cat <<E\nx\n", "cat <<E\n\tE\n"] {
            assert_eq!(of(text), Some(Obstacle::GoesOn), "{text:?}");
        }
        for text in ["A='x\nB=2\n", "[ -e /x ] &&\n", "x |\n", "if x; then\n"] {
            assert!(matches!(of(text), Some(Obstacle::NotTaken(_))), "{text:?}");
        }
    }

    #[test]
    fn what_leaves_is_told_by_its_line() {
        for (text, line, shown) in [
            ("A=1\nexit 0\nB=2\n", 2, "exit 0"),
            ("A=1; return # so\n", 1, "A=1; return # so"),
            ("exec /bin/x\n", 1, "exec /bin/x"),
            ("if x; then y; fi; exit\n", 1, "if x; then y; fi; exit"),
        ] {
            let leaves = Obstacle::Leaves(line, shown.to_owned());
            assert_eq!(of(text), Some(leaves), "{text:?}");
        }
    }
}
