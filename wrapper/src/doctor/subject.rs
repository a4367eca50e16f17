//! What the argument means: a process by its number, a pidfile, or a program.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use pidward_identity::pid::{self, Pid};

use crate::find::is_pidfiles;
use crate::regular;

/// Who is to be examined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    Process(Pid),
    Pidfile(PathBuf),
    /// Its name, or its path.
    Program(PathBuf),
}

impl Subject {
    /// A number is a process; a file that is called like a pidfile or holds a number is one; the rest is a program.
    /// A name without a slash that is no file here is looked for in PATH, `is_program` says whether with success.
    pub(crate) fn of(argument: &Path, is_program: impl FnOnce(&OsStr) -> bool) -> Self {
        let bytes = argument.as_os_str().as_bytes();
        let is_number = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
        if is_number && let Ok(pid) = pid::parse(bytes) {
            return Self::Process(pid);
        }
        let name = bytes
            .rsplit(|&byte| byte == b'/')
            .next()
            .unwrap_or_default();
        let is_named_so = is_pidfiles(name);
        let is_pidfile = match head(argument) {
            Some(head) => !is_executable(&head) && (is_named_so || pid::parse(&head).is_ok()),
            // It is not there, or is not for us to read.
            None if bytes.contains(&b'/') => is_named_so,
            None => is_named_so && !is_program(argument.as_os_str()),
        };
        if is_pidfile {
            Self::Pidfile(argument.to_owned())
        } else {
            Self::Program(argument.to_owned())
        }
    }
}

fn is_executable(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") || head.starts_with(b"#!")
}

/// The beginning of a file: more than a number takes.
fn head(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    regular::open(path)
        .ok()?
        .take(64)
        .read_to_end(&mut head)
        .ok()?;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_process_and_what_holds_one_a_pidfile() {
        let top = std::env::temp_dir().join(format!("pidward-subject-{}", std::process::id()));
        std::fs::create_dir_all(&top).unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(top.join(name), text).unwrap();
            top.join(name)
        };
        let of = |path: &Path| Subject::of(path, |name| name == "getpid");
        let pidfile = |path: PathBuf| assert_eq!(of(&path), Subject::Pidfile(path));
        let program = |path: PathBuf| assert_eq!(of(&path), Subject::Program(path));
        assert_eq!(of(Path::new("12")), Subject::Process(Pid::new(12).unwrap()));
        pidfile(file("lock", "812\n"));
        pidfile(file("x.pid", "garbled"));
        pidfile(file("empty.pid", ""));
        pidfile("/nowhere/x.pid".into());
        pidfile("x.pid".into());
        program(file("mkpid", "#!/bin/sh\n"));
        program(file("text", "words"));
        program("/nowhere/x".into());
        program("getpid".into());
        program("99999999999999999999".into());
        std::fs::remove_dir_all(&top).unwrap();
    }
}
