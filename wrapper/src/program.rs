//! Which file a command's name stands for, and becoming it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, execve, faccessat};

use crate::environment::Environment;

/// Where commands are looked for when the environment has no PATH, as execvp(3) does.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// What runs a script that does not say what runs it.
const SHELL: &std::ffi::CStr = c"/bin/sh";

/// A command that was found.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    /// The name as it was typed, then the arguments.
    arguments: Vec<CString>,
}

/// Why a command cannot be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unrunnable {
    /// There is no such file.
    NotFound,
    /// It is a directory.
    Directory,
    /// It is neither a program of this machine nor a script.
    Binary,
    /// It is there, and what it needs to be run is not: the interpreter of a script, a program's loader.
    NoInterpreter,
    /// The kernel says so.
    Refused(Errno),
}

impl Program {
    /// Finds the command as execvp(3) would.
    ///
    /// # Errors
    /// [`Unrunnable`], when there is no such file, or none that we may execute.
    pub(crate) fn find(
        command: Vec<OsString>,
        environment: &Environment,
    ) -> Result<Self, Unrunnable> {
        let name = command.first().map(OsString::as_os_str).unwrap_or_default();
        let path = locate(name, environment.get("PATH"))?;
        // An argument of ours was a string of the kernel's, and so has no NUL.
        let text = |argument: OsString| CString::new(argument.into_vec()).unwrap_or_default();
        Ok(Self {
            path,
            arguments: command.into_iter().map(text).collect(),
        })
    }

    /// Becomes the program. It comes back only with the reason why not.
    pub(crate) fn exec(&self, environment: &Environment) -> Unrunnable {
        let path = CString::new(self.path.as_os_str().as_bytes()).unwrap_or_default();
        match execve(&path, &self.arguments, environment.entries()) {
            Err(Errno::ENOEXEC) if is_binary(&self.path) => Unrunnable::Binary,
            Err(Errno::ENOEXEC) => self.exec_by_shell(path, environment),
            // It was there a moment ago.
            Err(Errno::ENOENT) if self.path.exists() => Unrunnable::NoInterpreter,
            Err(Errno::ENOENT) => Unrunnable::NotFound,
            Err(error) => Unrunnable::Refused(error),
        }
    }

    /// Runs a script without `#!`, as execvp(3) and every shell do.
    fn exec_by_shell(&self, path: CString, environment: &Environment) -> Unrunnable {
        let mut arguments = vec![SHELL.to_owned(), path];
        arguments.extend(self.arguments.iter().skip(1).cloned());
        match execve(SHELL, &arguments, environment.entries()) {
            Err(Errno::ENOENT) => Unrunnable::NoInterpreter,
            Err(error) => Unrunnable::Refused(error),
        }
    }
}

/// The file for this name: of a path itself, of a plain name the first in PATH that may be executed.
pub(crate) fn locate(name: &OsStr, search: Option<&OsStr>) -> Result<PathBuf, Unrunnable> {
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return executable(&path).map(|()| path);
    }
    if name.is_empty() {
        return Err(Unrunnable::NotFound);
    }
    let search = search.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut answer = Unrunnable::NotFound;
    // An empty directory in PATH is the current one.
    for directory in search.as_bytes().split(|&byte| byte == b':') {
        let path = Path::new(OsStr::from_bytes(directory)).join(name);
        match executable(&path) {
            Ok(()) => return Ok(path),
            Err(Unrunnable::NotFound) => {}
            // One further on may do; if none does, this is what the user wants to know.
            Err(reason) => answer = reason,
        }
    }
    Err(answer)
}

/// Whether the file may be executed, as far as that can be told without executing it.
fn executable(path: &Path) -> Result<(), Unrunnable> {
    match fs::metadata(path).map(|file| file.is_dir()) {
        Ok(true) => return Err(Unrunnable::Directory),
        Ok(false) => {}
        Err(error) => {
            return Err(match error.raw_os_error().map(Errno::from_raw) {
                None | Some(Errno::ENOENT | Errno::ENOTDIR) => Unrunnable::NotFound,
                Some(error) => Unrunnable::Refused(error),
            });
        }
    }
    // With the rights that execve(2) looks at, the effective ones.
    faccessat(AT_FDCWD, path, AccessFlags::X_OK, AtFlags::AT_EACCESS).map_err(Unrunnable::Refused)
}

/// Whether this is no text, so that a shell would only make a mess of it: a NUL in its first line.
fn is_binary(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(128).read_to_end(&mut head));
    let line = head.split(|&byte| byte == b'\n').next();
    read.is_ok() && line.is_some_and(|line| line.contains(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, search: Option<&str>) -> Result<PathBuf, Unrunnable> {
        locate(OsStr::new(name), search.map(OsStr::new))
    }

    #[test]
    fn a_plain_name_is_looked_for_in_path() {
        assert_eq!(found("sh", Some("/nonexistent:/bin")), Ok("/bin/sh".into()));
        assert_eq!(found("sh", None), Ok("/bin/sh".into()));
        assert_eq!(found("sh", Some("/nonexistent")), Err(Unrunnable::NotFound));
        assert_eq!(found("", Some("/bin")), Err(Unrunnable::NotFound));
    }

    #[test]
    fn what_is_there_and_cannot_be_executed_is_not_called_missing() {
        let denied = Err(Unrunnable::Refused(Errno::EACCES));
        assert_eq!(found("/etc/passwd", None), denied);
        assert_eq!(found("passwd", Some("/etc:/nonexistent")), denied);
        assert_eq!(found("/etc", None), Err(Unrunnable::Directory));
        assert_eq!(found("/etc/passwd/x", None), Err(Unrunnable::NotFound));
    }
}
