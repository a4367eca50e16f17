//! The files that have a sweep run early at boot do so, each under what runs it: systemd's unit, sysvinit's script,
//! OpenRC's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace;

use super::NOBODY;
use crate::answer::Answer;
use crate::compare::bare;
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "systemd_finds_the_unit_sound_and_its_command_sweeps",
            systemd,
        ),
        each("the_script_for_sysvinit_sweeps", sysvinit),
        each(
            "the_script_for_sysvinit_is_no_obstacle_when_pidward_is_gone",
            without,
        ),
        each("the_script_for_openrc_sweeps", openrc),
    ]
    .into_iter()
}

/// A file of packaging/.
fn packaged(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging")).join(name)
}

const BIN: &str = "/usr/local/bin";

/// pidward is installed, and a power cut has left a pidfile beside that of a daemon.
fn booted(scene: &Scene) -> Checked {
    namespace::cover(BIN)?;
    let pidward = Path::new(BIN).join("pidward");
    fs::copy(scene.release.join("pidward"), pidward).doing("install pidward")?;
    fs::write("/run/stale.pid", NOBODY).doing("write a stale pidfile")?;
    fs::write("/run/live.pid", "1\n").doing("write a live pidfile")
}

fn with_path(mut command: Command) -> Command {
    command.env("PATH", format!("{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"));
    command
}

/// It did sweep.
fn swept(command: Command) -> Checked {
    let answer = Answer::of(with_path(command))?;
    let said = "removed  /run/stale.pid  pid 2147483647 is no process (dead)";
    answer.says(0, answer.out.contains(said), said)?;
    let there = |name: &str| Path::new(name).exists();
    match there("/run/live.pid") && !there("/run/stale.pid") {
        true => Ok(()),
        false => Err(Failure::new(
            "something else was removed",
            format!("{answer:#?}"),
        )),
    }
}

fn systemd(scene: &Scene) -> Checked {
    booted(scene)?;
    let unit = packaged("systemd/pidward-sweep.service");
    // It has its working directory there.
    namespace::layer("/tmp")?;
    let mut verify = bare("/usr/bin/systemd-analyze".as_ref());
    verify.args(["verify", "--man=no"]).arg(&unit);
    let answer = Answer::of(verify)?;
    answer.is(0, answer.out.is_empty(), "a sound unit")?;
    let text = fs::read_to_string(unit).doing("read the unit")?;
    // Before all units with default dependencies, which come after that target.
    for line in [
        "DefaultDependencies=no",
        "After=local-fs.target",
        "WantedBy=sysinit.target",
    ] {
        if !text.lines().any(|it| it == line) {
            return Err(Failure::new("the unit is not early", line));
        }
    }
    let start = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let mut shell = bare("/bin/sh".as_ref());
    shell.args(["-c", start.ok_or("none").doing("its command")?]);
    swept(shell)
}

fn sysvinit(scene: &Scene) -> Checked {
    booted(scene)?;
    let script = |action: &str| {
        let mut command = bare("/bin/sh".as_ref());
        command.arg(packaged("sysvinit/pidward-sweep")).arg(action);
        command
    };
    for (action, code) in [("stop", 0), ("status", 0), ("nonsense", 2)] {
        let answer = Answer::of(script(action))?;
        answer.says(code, answer.out.is_empty(), action)?;
    }
    swept(script("start"))
}

fn without(_: &Scene) -> Checked {
    namespace::cover(BIN)?;
    let mut command = bare("/bin/sh".as_ref());
    command.arg(packaged("sysvinit/pidward-sweep")).arg("start");
    let answer = Answer::of(command)?;
    answer.is(0, answer.out.is_empty(), "nothing")
}

fn openrc(scene: &Scene) -> Checked {
    booted(scene)?;
    // As if OpenRC had booted this.
    for directory in [
        "starting",
        "stopping",
        "started",
        "hotplugged",
        "wasinactive",
        "failed",
        "inactive",
        "scheduled",
        "exclusive",
        "daemons",
        "options",
        "tmp",
    ] {
        let directory = Path::new("/run/openrc").join(directory);
        fs::create_dir_all(directory).doing("make OpenRC's directories")?;
    }
    fs::write("/run/openrc/softlevel", "").doing("make OpenRC's directories")?;
    let mut service = Command::new(packaged("openrc/pidward-sweep"));
    service.env_clear().args(["--nodeps", "start"]);
    swept(service)
}
