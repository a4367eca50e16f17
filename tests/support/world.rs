//! What a test does inside its namespace: make files, start commands, learn how processes ended.
//!
//! As the namespace's init it is the parent of every orphan, so it learns the wait status of daemons, which are nobody
//! else's children.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::deadline::Deadline;
use crate::failure::{Checked, Doing, Failure};
use crate::namespace::SCRATCH;
use crate::proc::{self, Seen};
use crate::process::Process;
use crate::reaper::Reaper;

/// The inside of a test's namespace.
#[derive(Debug)]
pub struct World {
    reaper: Reaper,
}

impl World {
    /// The one of this process, which has to be init.
    ///
    /// # Errors
    /// When core dumps cannot be allowed.
    pub fn new() -> Checked<Self> {
        // A wait status says whether a core was dumped, so daemons may. Not through a pipe, though: a program that
        // takes the machine's core dumps would take these, and a limit of 1 is how core(5) excludes that.
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        let limit = if pattern.starts_with('|') {
            1
        } else {
            RLIM_INFINITY
        };
        setrlimit(Resource::RLIMIT_CORE, limit, limit).doing("allow core dumps")?;
        fs::create_dir(path("tmp")).doing("make a directory for temporary files")?;
        // All commands inherit one descriptor more than most programs think of.
        let file = File::create(path("inherited")).doing("make a file to inherit")?;
        fcntl(&file, FcntlArg::F_DUPFD(300)).doing("make an inherited descriptor")?;
        Ok(Self {
            reaper: Reaper::start(),
        })
    }

    /// Runs `command` to its end and says how it ended. Its environment is always the same but for `environment`;
    /// what it says goes to `start.out`.
    ///
    /// # Errors
    /// When there is no such program, or it does not end by the deadline.
    pub fn run(
        &self,
        command: &[&str],
        environment: &[(&str, String)],
        deadline: Deadline,
    ) -> Checked<String> {
        let pid = self.spawn(command, environment)?;
        let ended = self.reaper.end_of(pid, deadline);
        ended.ok_or_else(|| {
            Failure::new(
                "a command hangs",
                format!("{}\n{}", command.join(" "), evidence()),
            )
        })
    }

    /// Starts a command that stays, in the same way.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(&self, command: &[&str]) -> Checked<Process> {
        let pid = self.spawn(command, &[])?;
        Process::open(pid).ok_or("none").doing("open a pidfd")
    }

    fn spawn(&self, words: &[&str], environment: &[(&str, String)]) -> Checked<i32> {
        let output = start_output()?;
        let errors = output.try_clone().doing("share start.out")?;
        let (program, arguments) = words.split_first().ok_or("nothing").doing("start")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LC_ALL", "C")
            .env("TMPDIR", path("tmp"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(SCRATCH)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let child = command.spawn().doing(format!("start {program}"))?;
        self.reaper.started();
        i32::try_from(child.id()).doing("a PID")
    }

    /// How it ended, once it has; none when it still lives at the deadline.
    #[must_use]
    pub fn end_of(&self, process: &Process, deadline: Deadline) -> Option<String> {
        if !process.dies_by(deadline) {
            return None;
        }
        // Its status comes right after its death, unless another process is its parent.
        let ended = self.reaper.end_of(process.pid, Deadline::seconds(1));
        Some(ended.unwrap_or_else(|| "unseen: another process is its parent".to_owned()))
    }

    /// Ends all that is left in this namespace, other than pidward's processes and those that are spared.
    ///
    /// # Errors
    /// When something cannot be ended.
    pub fn end_what_is_left(&self, is_spared: impl Fn(&Seen, &[Seen]) -> bool) -> Checked {
        let deadline = Deadline::seconds(10);
        loop {
            let all = proc::others();
            let left = all
                .iter()
                .filter(|seen| !seen.is_pidward() && !seen.is_zombie() && !is_spared(seen, &all));
            let left: Vec<Process> = left.filter_map(|seen| Process::living(seen.pid)).collect();
            if left.is_empty() {
                return Ok(());
            }
            for process in left {
                process.signal(Signal::SIGKILL).doing("end what is left")?;
                if !process.dies_by(deadline) {
                    return Err(Failure::new(
                        "the test itself",
                        format!("PID {} does not die", process.pid),
                    ));
                }
            }
        }
    }
}

/// A path in the scratch directory; an absolute one stays what it is.
#[must_use]
pub fn path(relative: impl AsRef<Path>) -> PathBuf {
    Path::new(SCRATCH).join(relative)
}

/// Makes a file in the scratch directory.
///
/// # Errors
/// When it cannot be written.
pub fn write(relative: &str, text: &str) -> Checked {
    fs::write(path(relative), text).doing(format!("write {relative}"))
}

/// Makes a directory in the scratch directory that belongs to `user`.
///
/// # Errors
/// When there is no such user, or the directory is there already.
pub fn directory_of(user: &str, relative: &str) -> Checked {
    let passwd = fs::read_to_string("/etc/passwd").doing("read the users")?;
    let ids = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(user))
            .then(|| Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?)))?
    });
    let (uid, gid) = ids.ok_or(user).doing("no such user")?;
    fs::create_dir(path(relative)).doing(format!("make {relative}"))?;
    std::os::unix::fs::chown(path(relative), Some(uid), Some(gid))
        .doing(format!("give {relative} to {user}"))
}

/// The process that a pidfile names now, if it lives.
#[must_use]
pub fn owner(pidfile: &Path) -> Option<Process> {
    let pid = fs::read_to_string(pidfile)
        .ok()?
        .lines()
        .next()?
        .trim()
        .parse::<i32>()
        .ok()?;
    // Numbers below 1 mean other things than one process.
    if Pid::from_raw(pid) < Pid::from_raw(1) {
        None
    } else {
        Process::living(pid)
    }
}

/// What a failure should show: who lives, what files there are, what the commands said.
#[must_use]
pub fn evidence() -> String {
    let files = Command::new("ls").args(["-la", SCRATCH, "/run"]).output();
    let files = files
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let said = fs::read_to_string(path("start.out")).unwrap_or_default();
    format!(
        "processes (pid, parent, state, name):\n{}files:\n{files}the commands said:\n{said}",
        proc::listing()
    )
}

fn start_output() -> Checked<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path("start.out"))
        .doing("open start.out")
}
