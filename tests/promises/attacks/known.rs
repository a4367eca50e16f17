//! Attacks that daemons, their scripts and their packages have fallen for, each with a script that still does.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::thread;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};

use super::{
    MALLORY, daemon_of_mallory, directory_of_mallory, link_as_mallory, lives, mallory,
    move_as_mallory, victim, write_as_mallory,
};
use crate::answer::{Answer, ask};
use crate::compare::bare;
use crate::guard::post::{daemon, falls_asleep, guard, kill, leaves, ready, start};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file, write};

const PIDFILE: &str = "app/app.pid";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "cve_2018_16888_a_service_names_roots_process_in_its_own_pidfile",
            |scene| {
                kills_nobody(scene, &|victim| {
                    directory_of_mallory("app")?;
                    write_as_mallory(PIDFILE, &victim)
                })
            },
        ),
        each(
            "cve_2017_14159_a_pidfile_that_was_given_to_the_daemons_user",
            |scene| {
                kills_nobody(scene, &|victim| {
                    fs::create_dir(file("app")).doing("make a directory")?;
                    write(PIDFILE, "")?;
                    chown(file(PIDFILE), Some(MALLORY), None).doing("give it away")?;
                    rewrite_as_mallory(&victim)
                })
            },
        ),
        each(
            "cve_2017_18284_roots_pidfile_in_a_directory_of_the_daemons_user",
            |scene| {
                kills_nobody(scene, &|victim| {
                    directory_of_mallory("app")?;
                    write(PIDFILE, "1\n")?;
                    write("app/other.pid", victim)?;
                    // Whose the directory is, may put another file of root's in its place.
                    move_as_mallory("app/other.pid", PIDFILE)
                })
            },
        ),
        each(
            "cve_2011_1784_a_pidfile_that_everybody_can_write",
            |scene| {
                kills_nobody(scene, &|victim| {
                    fs::create_dir(file("app")).doing("make a directory")?;
                    write(PIDFILE, "1\n")?;
                    fs::set_permissions(file(PIDFILE), Permissions::from_mode(0o666))
                        .doing("open it to all")?;
                    rewrite_as_mallory(&victim)
                })
            },
        ),
        each(
            "cve_2020_14367_a_symbolic_link_in_the_pidfiles_place",
            links_lead_nowhere,
        ),
        each(
            "cve_2021_27216_another_directory_in_the_pidfiles_place",
            removes_nothing_elsewhere,
        ),
    ]
    .into_iter()
}

/// The attacker writes into the file that is there.
fn rewrite_as_mallory(text: &str) -> Checked {
    mallory("printf %s \"$2\" >\"$1\"", &[PIDFILE, text])
}

/// A script of the naive kind.
fn script(text: &str) -> Checked<Answer> {
    let mut command = bare("/bin/sh".as_ref());
    command.args(["-c", text]).current_dir(file(""));
    Answer::of(command)
}

/// Root stops the daemon by a pidfile that the attacker has set: the scripts kill the victim, pidward does not.
fn kills_nobody(scene: &Scene, set: &dyn Fn(String) -> Checked) -> Checked {
    for fall in [
        format!("kill -9 $(cat {PIDFILE})"),
        format!(
            "start-stop-daemon --stop --signal KILL --pidfile {PIDFILE} --exec /mnt/programs/legacy"
        ),
    ] {
        scene.clear()?;
        let victim = victim()?;
        set(format!("{}\n", victim.process.pid))?;
        // Debian's start-stop-daemon has learned of some of these.
        let fell = script(&fall)?;
        let refuses = fell.err.contains("refusing")
            || fell.err.contains("not owned")
            || fell.err.contains("world-writable");
        match (
            refuses || victim.process.dies_by(Deadline::seconds(5)),
            victim.process.is_dead(),
        ) {
            (true, dead) if dead != refuses => {}
            _ => {
                return Err(Failure::new(
                    "the test itself",
                    format!("{fall}: {fell:#?}"),
                ));
            }
        }
        if !victim.process.is_dead() {
            kill(victim)?;
        }
    }

    scene.clear()?;
    let victim = victim()?;
    let number = format!("{}\n", victim.process.pid);
    set(number.clone())?;
    ask(scene, &format!("status {PIDFILE}"))?.is_line(4, "unknown", "(untrusted)")?;
    for line in [
        "signal KILL",
        "signal --unverified KILL",
        "stop",
        "stop --unverified --schedule KILL/5",
        "adopt",
    ] {
        ask(scene, &format!("{line} {PIDFILE}"))?.is_refusal(4, &["did not ", PIDFILE])?;
        lives(&victim, line)?;
    }
    // Nor is it taken for stale: the victim's number is alive.
    let mut run = pidward(scene, &["run", "-p", PIDFILE, "--no-preload", "--", "true"]);
    run.env("PIDWARD_GUARD", "off");
    Answer::of(run)?.says(0, true, "run")?;
    lives(&victim, "run")?;
    match fs::read_to_string(file(PIDFILE)).doing("read it")? == number {
        true => kill(victim).map(drop),
        false => Err(Failure::new("the pidfile changed", PIDFILE)),
    }
}

const PRECIOUS: &str = "precious";

/// Pidfile, record and the name in between are links to a file of root's.
fn links_lead_nowhere(scene: &Scene) -> Checked {
    let set = |names: &[&str]| -> Checked {
        scene.clear()?;
        write(PRECIOUS, "root's\n")?;
        directory_of_mallory("app")?;
        names
            .iter()
            .try_for_each(|name| link_as_mallory(name, PRECIOUS))
    };
    let is_precious = |what: &str| -> Checked {
        match fs::read_to_string(file(PRECIOUS)).as_deref() {
            Ok("root's\n") => Ok(()),
            other => Err(Failure::new(
                format!("touched a file of root's: {what}"),
                format!("{other:?}"),
            )),
        }
    };
    set(&[PIDFILE])?;
    script(&format!("echo $$ >{PIDFILE}"))?;
    if is_precious("").is_ok() {
        return Err(Failure::new(
            "the test itself",
            "the script did not fall for it",
        ));
    }

    set(&[PIDFILE, "app/app.pid.ward", "app/.app.pid.pidward"])?;
    for line in [
        "status",
        "signal KILL",
        "stop",
        "wait --timeout 0",
        "adopt --unverified",
    ] {
        let answer = ask(scene, &format!("{line} {PIDFILE}"))?;
        answer.says(4, true, "unreadable, or not to be trusted")?;
        is_precious(line)?;
    }
    let run = pidward(scene, &["run", "-p", PIDFILE, "--no-preload", "--", "true"]);
    Answer::of(run)?.says(0, true, "run")?;
    is_precious("run")?;

    // A daemon with a pidfile of its own there, whose record would go through a link.
    set(&["app/app.pid.ward", "app/.app.pid.pidward"])?;
    let daemon = daemon_of_mallory(&format!("make open {PIDFILE} say ready hear"))?;
    let guard = start(guard(scene, &[], &file(PIDFILE)))?;
    falls_asleep(guard.pid, 1)?;
    is_precious("guard")?;
    kill(daemon)?;
    leaves(&guard)?;
    is_precious("guard after the daemon's death")?;
    ask(scene, &format!("stop {PIDFILE}"))?;
    is_precious("stop")
}

/// The directory is another one by the time of the removal; that one has a file of the same name.
fn removes_nothing_elsewhere(scene: &Scene) -> Checked {
    let set = || -> Checked<Legacy> {
        scene.clear()?;
        fs::create_dir(file("other")).doing("make a directory")?;
        let other = ready(daemon("make open other/app.pid say ready hear"))?;
        directory_of_mallory("app")?;
        write_as_mallory(PIDFILE, &format!("{}\n", dead()?))?;
        Ok(other)
    };
    let other = set()?;
    // What the script waits for between its look and its removal stands for the race.
    let waits = "touch looked; until [ -L app ]; do sleep 0.01; done";
    let look = format!("kill -0 $(cat {PIDFILE}) || {{ {waits}; rm -f {PIDFILE}; }}");
    thread::scope(|scope| -> Checked {
        let naive = scope.spawn(|| script(&look));
        mallory("until [ -e looked ]; do sleep 0.01; done", &[])?;
        swap()?;
        naive
            .join()
            .map_err(|_| "panicked")
            .doing("run the script")?
            .map(drop)
    })?;
    if file("other/app.pid").exists() {
        return Err(Failure::new(
            "the test itself",
            "the script did not fall for it",
        ));
    }
    kill(other)?;

    let other = set()?;
    swap()?;
    for line in ["stop", "signal KILL"] {
        ask(scene, &format!("{line} {PIDFILE}"))?.is_refusal(4, &["did not ", PIDFILE])?;
    }
    let run = pidward(scene, &["run", "-p", PIDFILE, "--no-preload", "--", "true"]);
    Answer::of(run)?.says(0, true, "run")?;
    lives(&other, "stop")?;
    match file("other/app.pid").exists() {
        true => kill(other).map(drop),
        false => Err(Failure::new(
            "removed a living daemon's pidfile",
            "other/app.pid",
        )),
    }
}

/// The attacker puts a link in the place of his directory.
fn swap() -> Checked {
    move_as_mallory("app", "away")?;
    link_as_mallory("app", "other")
}

/// A number that was a process's, and is nobody's.
pub(super) fn dead() -> Checked<i32> {
    let ended = victim()?;
    let pid = ended.process.pid;
    kill(ended)?;
    Ok(pid)
}
