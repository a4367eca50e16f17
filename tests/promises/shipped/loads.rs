//! The files find each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::release;
use pidward_tests::watch::Watch;
use pidward_tests::world::{evidence, path};

use crate::compare::{NO_GUARD, bare};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file};

const ONE_SECOND: Duration = Duration::from_secs(1);

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("the_command_finds_the_library_beside_itself", |scene| {
            let mut command = bare(&installed(scene)?.join("pidward"));
            command.env(NO_GUARD.0, NO_GUARD.1).args(["run", "--"]);
            Started::by(scene, command, "die _exit")?.ends_and_is_removed_within(Duration::ZERO)
        }),
        each("the_command_finds_the_guard_beside_itself", |scene| {
            Started::by(scene, guarded(scene)?, "die kill")?
                .recorded()?
                .ends_and_is_removed_within(ONE_SECOND)
        }),
        each("the_library_finds_the_guard_beside_itself", |scene| {
            Started::by(scene, preloaded(scene)?, "die kill")?
                .recorded()?
                .ends_and_is_removed_within(ONE_SECOND)
        }),
        each(
            "a_daemon_killed_before_its_guard_has_looked_leaves_nothing::guarded",
            |scene| killed_at_once(scene, guarded),
        ),
        each(
            "a_daemon_killed_before_its_guard_has_looked_leaves_nothing::preloaded",
            |scene| killed_at_once(scene, preloaded),
        ),
    ]
    .into_iter()
}

/// Often enough for the guard to be late for once.
fn killed_at_once(scene: &Scene, start: fn(&Scene) -> Checked<Command>) -> Checked {
    (0..50).try_for_each(|_| {
        Started::by(scene, start(scene)?, "die kill")?.ends_and_is_removed_within(ONE_SECOND)
    })
}

/// The three files in a directory of their own, as they are installed.
fn installed(scene: &Scene) -> Checked<PathBuf> {
    let directory = path("pidward");
    if !directory.exists() {
        fs::create_dir(&directory).doing("make a directory for the files")?;
        release::copy(&scene.release, &directory)?;
    }
    Ok(directory)
}

fn guarded(scene: &Scene) -> Checked<Command> {
    let mut command = bare(&installed(scene)?.join("pidward"));
    command
        .args(["run", "--no-preload", "-p"])
        .arg(file("x.pid"))
        .arg("--");
    Ok(command)
}

fn preloaded(scene: &Scene) -> Checked<Command> {
    let mut command = bare("/usr/bin/env".as_ref());
    let library = installed(scene)?.join("libpidward.so");
    command.arg(format!("LD_PRELOAD={}", library.display()));
    Ok(command)
}

/// A daemon that a command has started, and that has made x.pid.
struct Started {
    daemon: Legacy,
    watch: Watch,
}

impl Started {
    /// It will end so.
    fn by(scene: &Scene, mut command: Command, end: &str) -> Checked<Self> {
        scene.clear()?;
        let watch = Watch::on(&[Path::new(HOME)])?;
        let steps = format!("make open x.pid say ready hear {end}");
        command.arg(Scene::program(LEGACY)).args(steps.split(' '));
        let mut daemon = Legacy::start(command)?;
        daemon.says("ready")?;
        Ok(Self { daemon, watch })
    }

    /// Waits until its guard has written the record.
    fn recorded(self) -> Checked<Self> {
        let record = || Record::read(&file("x.pid"));
        match self.watch.until(Deadline::seconds(10), &[], record) {
            Some(_) => Ok(self),
            None => Err(Failure::new("no record", evidence())),
        }
    }

    /// Lets it end: the pidfile is there until then, and gone this long after at the latest.
    fn ends_and_is_removed_within(mut self, patience: Duration) -> Checked {
        let pidfile = file("x.pid");
        if !pidfile.exists() {
            return Err(Failure::new("removed while it lives", evidence()));
        }
        self.daemon.go_on()?;
        self.daemon.end()?;
        let gone = || (!pidfile.exists()).then_some(());
        let gone = self.watch.until(Deadline::after(patience), &[], gone);
        gone.ok_or_else(|| Failure::new("pidfile stayed", evidence()))
    }
}
