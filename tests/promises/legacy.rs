//! A daemon that runs: what it says, what it is told, and how it ended.

use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::poll::{PollFd, PollFlags, poll};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::evidence;

use crate::scene::HOME;

/// A daemon that the test has started.
#[derive(Debug)]
pub(crate) struct Legacy {
    /// The process.
    pub(crate) process: Process,
    steps: String,
    child: Child,
    pipe: PipeReader,
    said: String,
    /// How much of what it said the test has listened to.
    listened: usize,
}

/// How a daemon ended, as anybody can see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// What it was told to do.
    pub(crate) steps: String,
    /// Its wait status.
    pub(crate) status: ExitStatus,
    /// What it said, on stdout and stderr.
    pub(crate) said: String,
    /// The files that were there at the moment when its status was.
    pub(crate) left: Vec<String>,
}

impl Legacy {
    /// Starts a command in the daemon's directory.
    pub(crate) fn start(mut command: Command) -> Checked<Self> {
        let (pipe, say) = io::pipe().doing("pipe")?;
        command.current_dir(HOME).stdin(Stdio::piped());
        command.stdout(say.try_clone().doing("pipe")?).stderr(say);
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let steps = words.join(" ");
        let child = command
            .spawn()
            .doing(format!("start {:?}", command.get_program()))?;
        // The command holds the pipe's other end.
        drop(command);
        let pid = i32::try_from(child.id()).doing("a PID")?;
        let process = Process::open(pid).ok_or("none").doing("open a pidfd")?;
        Ok(Self {
            process,
            steps,
            child,
            pipe,
            said: String::new(),
            listened: 0,
        })
    }

    /// Waits until it says this line.
    pub(crate) fn says(&mut self, word: &str) -> Checked {
        self.says_a_line(word, |line| line == word)
    }

    /// Waits until it says a line that begins so.
    pub(crate) fn says_what_begins_with(&mut self, words: &str) -> Checked {
        self.says_a_line(words, |line| line.starts_with(words))
    }

    fn says_a_line(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> Checked {
        let deadline = Deadline::seconds(20);
        loop {
            let unheard = self.said.get(self.listened..).unwrap_or_default();
            if let Some((line, _)) = unheard.split_once('\n') {
                let heard = is_it(line);
                self.listened += line.len() + 1;
                if heard {
                    return Ok(());
                }
            } else if !self.listen(deadline)? {
                return Err(Failure::new(format!("never says {what}"), self.evidence()));
            }
        }
    }

    /// Lets it go on from where it hears.
    pub(crate) fn go_on(&mut self) -> Checked {
        let mut stdin = self
            .child
            .stdin
            .as_ref()
            .ok_or("closed")
            .doing("its stdin")?;
        stdin.write_all(b"\n").doing("tell it to go on")
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Checked<Ended> {
        let deadline = Deadline::seconds(20);
        if !self.process.dies_by(deadline) {
            return Err(Failure::new("does not end", self.evidence()));
        }
        let status = self.child.wait().doing("wait for it")?;
        let left = files(Path::new(HOME))?;
        while self.listen(deadline)? {}
        Ok(Ended {
            steps: self.steps,
            status,
            said: self.said,
            left,
        })
    }

    fn evidence(&self) -> String {
        format!("{}\nit said: {}\n{}", self.steps, self.said, evidence())
    }

    /// Listens to what it says next; false when nobody has anything to say any more.
    fn listen(&mut self, deadline: Deadline) -> Checked<bool> {
        let mut fds = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, deadline.left()).doing("poll")? == 0 {
            return Err(Failure::new("silent", self.evidence()));
        }
        let mut chunk = [0; 4096];
        let count = self.pipe.read(&mut chunk).doing("listen")?;
        let chunk = chunk.get(..count).unwrap_or_default();
        self.said.push_str(&String::from_utf8_lossy(chunk));
        Ok(count > 0)
    }
}

/// The files below a directory, by their paths from there; core dumps all as `core`.
pub(crate) fn files(directory: &Path) -> Checked<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).doing("list what is left")? {
        let entry = entry.doing("list what is left")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().doing("list what is left")?.is_dir() {
            let below = files(&entry.path())?;
            found.extend(below.iter().map(|file| format!("{name}/{file}")));
            found.push(name + "/");
        } else if name.starts_with("core") {
            found.push("core".to_owned());
        } else {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}
