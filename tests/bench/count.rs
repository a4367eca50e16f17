//! Counts of what a command does, which repeat exactly or nearly so.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use pidward_tests::failure::{Checked, Doing, Failure};

/// A command to be run by itself or under something that counts.
#[derive(Clone)]
pub(crate) struct Run {
    words: Vec<OsString>,
    preload: Option<PathBuf>,
    variables: Vec<(String, OsString)>,
    directory: PathBuf,
}

impl Run {
    pub(crate) fn new(directory: &Path, program: impl AsRef<OsStr>) -> Self {
        Self {
            words: vec![program.as_ref().to_owned()],
            preload: None,
            variables: Vec::new(),
            directory: directory.to_owned(),
        }
    }

    pub(crate) fn args(mut self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.words.extend(words);
        self
    }

    pub(crate) fn preload(mut self, library: Option<&Path>) -> Self {
        self.preload = library.map(Path::to_owned);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((key.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Itself.
    pub(crate) fn command(&self) -> Command {
        self.under(&[])
    }

    /// With these words before it.
    fn under(&self, before: &[&OsStr]) -> Command {
        let mut words = before
            .iter()
            .copied()
            .chain(self.words.iter().map(OsString::as_os_str));
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
        }
        command
    }

    /// Instructions in user space, as valgrind counts them, of the first process alone.
    pub(crate) fn instructions(&self) -> Checked<u64> {
        let valgrind = [
            "valgrind",
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
        ];
        let output = self
            .under(&valgrind.map(OsStr::new))
            .output()
            .doing("valgrind")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let refs = said.lines().find_map(|line| line.split_once("refs:"));
        let number = refs.map(|(_, number)| number.trim().replace(',', ""));
        let number = number.ok_or_else(|| Failure::new("the test itself", &said))?;
        number.parse().doing("count instructions")
    }

    /// System calls of it and of all its children.
    pub(crate) fn system_calls(&self) -> Checked<u64> {
        let log = self.directory.join(".strace");
        // The library is for the command alone.
        let mut preload = OsString::from("LD_PRELOAD=");
        let mut before = ["strace", "-f", "-qqq", "-o"].map(OsStr::new).to_vec();
        before.push(log.as_os_str());
        if let Some(library) = &self.preload {
            preload.push(library);
            before.extend([OsStr::new("-E"), &preload]);
        }
        let plain = self.clone().preload(None);
        plain
            .under(&before)
            .stderr(Stdio::null())
            .status()
            .doing("strace")?;
        let text = std::fs::read(&log).doing("read what strace wrote")?;
        std::fs::remove_file(&log).doing("remove it")?;
        let text = String::from_utf8_lossy(&text);
        let calls = text
            .lines()
            .filter(|line| line.contains('(') && !line.contains(" resumed>"));
        u64::try_from(calls.count()).doing("count system calls")
    }

    /// Processor time of it and of the children that it has waited for, in microseconds.
    pub(crate) fn processor(&self) -> Checked<f64> {
        let of_children = || -> Checked<i64> {
            let usage = getrusage(UsageWho::RUSAGE_CHILDREN).doing("getrusage")?;
            Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
        };
        let before = of_children()?;
        let status = self
            .command()
            .stderr(Stdio::null())
            .status()
            .doing("run it")?;
        if status.code().is_none() {
            return Err(Failure::new("the test itself", status));
        }
        let taken = i32::try_from(of_children()? - before).doing("count")?;
        Ok(f64::from(taken))
    }
}
