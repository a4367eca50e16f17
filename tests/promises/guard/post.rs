//! A pidfile under the eyes of the test, and those who make and guard it: daemons that never heard of pidward, and
//! guards that are started by hand.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::watch::{Watch, every_ten_milliseconds};
use pidward_tests::world::evidence;

use crate::compare::bare;
use crate::legacy::{Ended, Legacy};
use crate::programs::LEGACY;
use crate::scene::{HOME, Scene};

/// A pidfile, and what happens to it and to its record.
pub(crate) struct Post {
    /// The pidfile.
    pub(crate) pidfile: PathBuf,
    watch: Watch,
}

impl Post {
    /// In the daemon's directory.
    pub(crate) fn at(name: &str) -> Checked<Self> {
        Self::in_directory(HOME, name)
    }

    /// In another one.
    pub(crate) fn in_directory(directory: impl AsRef<Path>, name: &str) -> Checked<Self> {
        let directory = directory.as_ref();
        Ok(Self {
            pidfile: directory.join(name),
            watch: Watch::on(&[directory])?,
        })
    }

    /// Waits until this can be seen, and gives it.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> Checked<T> {
        let seen = self.watch.until(Deadline::seconds(10), &[], look);
        seen.ok_or_else(|| Failure::new(format!("never {what}"), evidence()))
    }

    /// The same, or until this process is dead.
    pub(crate) fn until_or_dead(
        &self,
        process: &Process,
        mut look: impl FnMut() -> Option<()>,
    ) -> Checked {
        let look = || look().or_else(|| process.is_dead().then_some(()));
        let seen = self
            .watch
            .until(Deadline::seconds(10), &[process.as_fd()], look);
        seen.ok_or_else(|| Failure::new("neither seen nor dead", evidence()))
    }

    /// Waits until the record names this process, and gives the guard.
    pub(crate) fn recorded(&self, pid: i32) -> Checked<Process> {
        let record = self.until("recorded", || {
            Record::read(&self.pidfile).filter(|record| record.number("pid") == Some(pid))
        })?;
        let guard = record.number("guard").and_then(Process::living);
        guard.ok_or_else(|| Failure::new("recorded without a guard", evidence()))
    }

    /// Waits until this guard has recorded somebody.
    pub(crate) fn recorded_by(&self, guard: &Process) -> Checked {
        self.until("recorded by it", || {
            let record = Record::read(&self.pidfile)?;
            (record.number("guard") == Some(guard.pid)).then_some(())
        })
    }

    /// Waits until neither the pidfile nor its record is there.
    pub(crate) fn cleared(&self) -> Checked {
        self.until("cleared", || {
            (!self.is_there() && !self.has_record()).then_some(())
        })
    }

    /// Waits until the pidfile is not there.
    pub(crate) fn is_gone(&self) -> Checked {
        self.until("gone", || (!self.is_there()).then_some(()))
    }

    /// The pidfile stays for that long, and longer than any of the guard's own delays.
    pub(crate) fn stays(&self) -> Checked {
        let long = Deadline::after(Duration::from_millis(1200));
        match self
            .watch
            .until(long, &[], || (!self.is_there()).then_some(()))
        {
            None => Ok(()),
            Some(()) => Err(Failure::new("the pidfile is gone", evidence())),
        }
    }

    /// Whether there is anything under its name.
    pub(crate) fn is_there(&self) -> bool {
        self.pidfile.symlink_metadata().is_ok()
    }

    /// Whether a guard holds its lock on this record.
    pub(crate) fn is_locked(record: &File) -> Checked<bool> {
        let asks = record.try_clone().doing("ask for the lock")?;
        Ok(Flock::lock(asks, FlockArg::LockSharedNonblock).is_err())
    }

    /// Whether there is a record, of whatever content.
    pub(crate) fn has_record(&self) -> bool {
        Record::path(&self.pidfile).exists()
    }
}

/// A guard for this pidfile, to be started by hand.
pub(crate) fn guard(scene: &Scene, options: &[&str], pidfile: &Path) -> Command {
    let mut command = bare(&scene.release.join("pidward-guard"));
    command.arg0("pidward: guard").args(options).arg(pidfile);
    command.current_dir(HOME).stdin(Stdio::null());
    command
}

/// Starts a command that the test never waits for.
pub(crate) fn start(mut command: Command) -> Checked<Process> {
    let child = command
        .spawn()
        .doing(format!("start {:?}", command.get_program()))?;
    let pid = i32::try_from(child.id()).doing("a PID")?;
    Process::open(pid).ok_or("none").doing("open a pidfd")
}

/// A daemon to be started without a shim, with its steps.
pub(crate) fn daemon(steps: &str) -> Command {
    let mut command = bare(&Scene::program(LEGACY));
    command.args(steps.split_whitespace());
    command
}

/// Starts a daemon, and waits until it says that it is ready.
pub(crate) fn ready(command: Command) -> Checked<Legacy> {
    let mut daemon = Legacy::start(command)?;
    daemon.says("ready")?;
    Ok(daemon)
}

/// A daemon without a shim that has made x.pid, and waits.
pub(crate) fn with_pidfile() -> Checked<Legacy> {
    ready(daemon("make open x.pid say ready hear"))
}

/// The same, and a guard started by hand that has recorded it.
pub(crate) fn guarded(scene: &Scene) -> Checked<(Legacy, Process, Post)> {
    guarded_with(scene, "make open x.pid say ready hear")
}

/// The same with other steps, in which it makes x.pid.
pub(crate) fn guarded_with(scene: &Scene, steps: &str) -> Checked<(Legacy, Process, Post)> {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = ready(daemon(steps))?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(daemon.process.pid)?;
    Ok((daemon, guard, post))
}

/// Kills the daemon, which its parent learns at once.
pub(crate) fn kill(daemon: Legacy) -> Checked<Ended> {
    daemon.process.signal(Signal::SIGKILL).doing("kill it")?;
    daemon.end()
}

/// Waits for the guard's end.
pub(crate) fn leaves(guard: &Process) -> Checked {
    match guard.dies_by(Deadline::seconds(10)) {
        true => Ok(()),
        false => Err(Failure::new("the guard stays", evidence())),
    }
}

/// Kills all guards that live in here, and what is about to become one: nobody else of pidward's is at work.
pub(crate) fn kill_guards() -> Checked {
    loop {
        let guards = proc::pidwards();
        let living: Vec<Process> = guards
            .into_iter()
            .filter_map(|seen| Process::living(seen.pid))
            .collect();
        if living.is_empty() {
            return Ok(());
        }
        for guard in living {
            guard.signal(Signal::SIGKILL).doing("kill a guard")?;
            leaves(&guard)?;
        }
    }
}

/// How often a process has gone to sleep so far, and whether it sleeps now.
pub(crate) fn slept(pid: i32) -> Checked<(u64, bool)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).doing("its status")?;
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.map(str::trim).ok_or(key).doing("its status")
    };
    let times = value("voluntary_ctxt_switches:")?.parse();
    Ok((
        times.doing("its status")?,
        value("State:")?.starts_with('S'),
    ))
}

/// Waits until it sleeps and has gone to sleep at least so often. No event tells of that.
pub(crate) fn falls_asleep(pid: i32, times: u64) -> Checked<u64> {
    let deadline = Deadline::seconds(10);
    while !deadline.passed() {
        let (now, sleeps) = slept(pid)?;
        if sleeps && now >= times {
            return Ok(now);
        }
        thread::yield_now();
    }
    Err(Failure::new("it does not sleep", evidence()))
}

/// Waits until it waits for something, or has ended: a guard that cannot do its work has nothing to wait for.
pub(crate) fn ends_or_waits(process: &Process) -> Checked {
    let rests = || {
        let sleeps = || slept(process.pid).is_ok_and(|(_, sleeps)| sleeps);
        (process.is_dead() || sleeps()).then_some(())
    };
    let seen = every_ten_milliseconds(Deadline::seconds(10), rests);
    seen.ok_or_else(|| Failure::new("neither ends nor waits", evidence()))
}
