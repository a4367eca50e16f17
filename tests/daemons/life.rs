//! One life of a daemon: started in a mode, and ended in a way.

use std::path::Path;
use std::time::Duration;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::SCRATCH;
use pidward_tests::process::Process;
use pidward_tests::watch::Watch;
use pidward_tests::world::{World, evidence, owner, path};

use crate::daemon::{Daemon, Ready};
use crate::left::ONE_SECOND;
use crate::memcheck;
use crate::ways::{Ending, Mode};

/// A daemon that is up.
pub(crate) struct Life {
    /// The process that its pidfile names.
    pub(crate) process: Process,
    /// How its start command ended.
    pub(crate) start: String,
}

impl Life {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(world: &World, daemon: &Daemon, mode: Mode) -> Checked<Self> {
        daemon.ready.iter().for_each(Ready::forget);
        let life = Self::try_start(world, daemon, mode, Deadline::seconds(20))?;
        let life = life.map_err(|refused| {
            Failure::new(
                "did not start",
                format!("the start command {refused}\n{}", evidence()),
            )
        })?;
        daemon
            .ready
            .iter()
            .try_for_each(|ready| ready.wait(world))?;
        Ok(life)
    }

    /// Starts it and waits until its pidfile names a process. When that is not so at the deadline: how the start
    /// command ended.
    pub(crate) fn try_start(
        world: &World,
        daemon: &Daemon,
        mode: Mode,
        by: Deadline,
    ) -> Checked<Result<Self, String>> {
        let pidfile = daemon.pidfile();
        let watch = Watch::on(&[parent(&pidfile)])?;
        let start = run(world, daemon, mode, daemon.start)?;
        // One that failed leaves no daemon to wait for.
        let by = if start == "exited 0" {
            by
        } else {
            Deadline::after(Duration::ZERO)
        };
        match watch.until(by, &[], || owner(&pidfile)) {
            Some(process) => Ok(Ok(Self { process, start })),
            None => Ok(Err(start)),
        }
    }

    /// Starts it without waiting for anything of pidward's, nor until it is ready; a daemon that refuses while an old pidfile is
    /// still there, or its port is taken, is asked again when something has changed; one that has forked away not soon, as one that was
    /// but slow would be there twice.
    pub(crate) fn start_at_once(world: &World, daemon: &Daemon, mode: Mode) -> Checked<Self> {
        let watch = Watch::on(&[parent(&daemon.pidfile())])?;
        let deadline = Deadline::seconds(30);
        // Once: a slow one that is asked again may have said it already.
        daemon.ready.iter().for_each(Ready::forget);
        loop {
            if let Ok(life) = Self::try_start(world, daemon, mode, Deadline::seconds(15))? {
                return Ok(life);
            }
            if deadline.passed() {
                return Err(Failure::new("no second instance", evidence()));
            }
            let _: Option<()> = watch.until(Deadline::after(ONE_SECOND / 10), &[], || None);
        }
    }

    /// Ends it that way; how the stop command ended, where it is the way.
    pub(crate) fn end(
        &self,
        world: &World,
        daemon: &Daemon,
        ending: Ending,
    ) -> Checked<Option<String>> {
        if let Some(signal) = ending.signal() {
            self.process.signal(signal).doing(signal)?;
            return Ok(None);
        }
        let stop = daemon.stop.ok_or("none").doing("a stop command")?;
        let stop = as_user(daemon, stop.iter().map(|word| (*word).to_owned()).collect());
        let stop: Vec<&str> = stop.iter().map(String::as_str).collect();
        world.run(&stop, &[], Deadline::seconds(20)).map(Some)
    }
}

/// The directory that a pidfile is in.
pub(crate) fn parent(pidfile: &Path) -> &Path {
    pidfile.parent().unwrap_or(Path::new(SCRATCH))
}

/// Runs a command of the daemon's, as `mode` has it, to its end.
pub(crate) fn run(world: &World, daemon: &Daemon, mode: Mode, words: &[&str]) -> Checked<String> {
    let (command, environment) = command(daemon, mode, words);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    world.run(&command, &environment, Deadline::seconds(20))
}

fn command(
    daemon: &Daemon,
    mode: Mode,
    words: &[&str],
) -> (Vec<String>, Vec<(&'static str, String)>) {
    let installed = |file: &str| path("pidward").join(file).display().to_string();
    let pidward = installed("pidward");
    let pidfile = daemon.pidfile().display().to_string();
    let before = match mode {
        Mode::Baseline | Mode::Preload => vec![],
        Mode::Run => vec![pidward.as_str(), "run", "--"],
        Mode::Guarded => vec![
            pidward.as_str(),
            "run",
            "-p",
            &pidfile,
            "--no-preload",
            "--",
        ],
        Mode::Named | Mode::Memcheck => vec![pidward.as_str(), "run", "-p", &pidfile, "--"],
    };
    let under = match mode {
        Mode::Memcheck => memcheck::VALGRIND,
        Mode::Baseline | Mode::Run | Mode::Guarded | Mode::Preload | Mode::Named => &[],
    };
    let words = before
        .iter()
        .chain(under)
        .chain(words)
        .map(|word| (*word).to_owned());
    let environment = match mode {
        Mode::Preload => vec![("LD_PRELOAD", installed("libpidward.so"))],
        Mode::Baseline | Mode::Run | Mode::Guarded | Mode::Named | Mode::Memcheck => vec![],
    };
    (as_user(daemon, words.collect()), environment)
}

/// The command as the daemon's user gives it. setpriv execs it in place, and keeps LD_PRELOAD.
pub(crate) fn as_user(daemon: &Daemon, command: Vec<String>) -> Vec<String> {
    let Some(user) = daemon.user else {
        return command;
    };
    let mut words = vec![
        "setpriv".to_owned(),
        format!("--reuid={user}"),
        format!("--regid={user}"),
    ];
    words.push("--init-groups".to_owned());
    words.extend(command);
    words
}
