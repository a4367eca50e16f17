//! Daemons in other languages, whose runtimes make files, set dispositions and start children in ways of their own.
//!
//! Each makes two pidfiles, one of them by rename, has a handler of its own for SIGALRM and goes back to the default, has
//! children of which one is killed, and ends.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};

use crate::compare::{Life, NO_GUARD_STAYS, bare};
use crate::legacy::{Ended, Legacy};
use crate::programs;
use crate::promise::Promise;
use crate::scene::Scene;

const ENDS: &[&str] = &["exit", "_exit", "alarm", "abort", "term"];

const ENDS_OF_PYTHON: &[&str] = &["exit", "_exit", "alarm", "abort", "fault", "term"];

/// It has no way out past exit(3).
const ENDS_OF_NODE: &[&str] = &["exit", "return", "alarm", "abort", "term"];

const ENDS_OF_JAVA: &[&str] = &["return exit halt", "alarm abort term", "crash dump"];

/// Interpreters, and the daemon in their language.
const INTERPRETERS: [(&str, &str, &[&str]); 4] = [
    ("python3", "daemon.py", ENDS_OF_PYTHON),
    ("ruby", "daemon.rb", ENDS),
    ("perl", "daemon.pl", ENDS),
    ("node", "daemon.js", ENDS_OF_NODE),
];

/// A small one, quick to start, that leaves no files of its own.
const JAVA: [&str; 6] = [
    "-Xmx64m",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:-CreateCoredumpOnCrash",
    "-XX:ErrorFile=/dev/null",
    "-cp",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = INTERPRETERS.into_iter().map(|(interpreter, daemon, ends)| {
        let check = move |scene: &Scene| {
            scene.without_cores()?;
            ends.iter().try_for_each(|end| {
                let live = |life: &Life<'_>| {
                    let mut command = life.command(interpreter.as_ref());
                    command.arg(source(daemon)).arg(end);
                    live(Legacy::start(command)?, end)
                };
                scene
                    .both_in(&[NO_GUARD_STAYS], live)?
                    .removed(&["x.pid", "y.pid"])
            })
        };
        Promise::new(
            format!("a_daemon_in_another_language_stays_what_it_is::{interpreter}"),
            check,
        )
    });
    each.chain(Promise::each(
        "a_daemon_in_java_stays_what_it_is",
        ENDS_OF_JAVA,
        |scene, ends| java(scene, ("", ""), &[], ends),
    ))
    .chain([
        Promise::new(
            "a_daemon_in_java_that_leaves_signals_alone_stays_what_it_is",
            |scene: &Scene| java(scene, ("", ""), &["-Xrs"], "exit term"),
        ),
        Promise::new(
            "a_daemon_in_java_whose_signals_are_chained_stays_what_it_is",
            chained,
        ),
        // Go has no use for a C library; libuv may ask the kernel by io_uring. What they make is for the guard.
        Promise::new(
            "a_pidfile_made_past_the_c_library_changes_nothing",
            |scene: &Scene| {
                for end in ["die return", "die _exit", "die abort", "raise 15"] {
                    scene
                        .lives(&format!(
                            "past x.pid borrow 15 query 15 status SigCgt {end}"
                        ))?
                        .are_the_same()?;
                }
                Ok(())
            },
        ),
    ])
}

fn source(name: &str) -> PathBuf {
    programs::source("spoken").join(name)
}

/// To where it waits for the test, and on to its end.
fn live(mut daemon: Legacy, end: &str) -> Checked<Ended> {
    daemon.says("ready")?;
    if end == "dump" {
        send(&daemon, Signal::SIGQUIT)?;
        // The thread that writes it is the one that sees to the next signal.
        daemon.says_what_begins_with("Full thread dump")?;
    }
    if matches!(end, "dump" | "term") {
        send(&daemon, Signal::SIGTERM)?;
    } else {
        daemon.go_on()?;
    }
    daemon.end()
}

fn send(daemon: &Legacy, signal: Signal) -> Checked {
    daemon.process.signal(signal).doing("signal it")
}

/// The class, beside the programs.
fn compile_java() -> Checked {
    let output = bare("javac".as_ref())
        .args(["-J-XX:-UsePerfData", "-J-XX:TieredStopAtLevel=1", "-d"])
        .arg(Scene::program(""))
        .arg(source("Daemon.java"))
        .output()
        .doing("javac")?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure::new(
            "the test itself",
            String::from_utf8_lossy(&output.stderr),
        )),
    }
}

/// libjsig stands in front of sigaction(2) and signal(2), so that the handlers of others run after Java's.
fn chained(scene: &Scene) -> Checked {
    let program = fs::canonicalize("/usr/bin/java").doing("find Java")?;
    let library = program
        .ancestors()
        .nth(2)
        .map(|home| home.join("lib/libjsig.so"));
    let library = library
        .filter(|library| library.exists())
        .ok_or(program.display())
        .doing("find libjsig")?;
    let library = library.to_string_lossy();
    java(scene, (&library, ""), &[], "alarm")?;
    java(scene, ("", &library), &[], "alarm term")
}

/// Its life to each of these ends, with libraries that are preloaded before the shim and after it.
fn java(scene: &Scene, (before, after): (&str, &str), options: &[&str], ends: &str) -> Checked {
    scene.without_cores()?;
    compile_java()?;
    for end in ends.split(' ') {
        let both = scene.both_in(&[NO_GUARD_STAYS], |life| {
            let mut command = life.command_among("java".as_ref(), before, after);
            command
                .args(JAVA)
                .arg(Scene::program(""))
                .args(options)
                .args(["Daemon", end])
                .args(options);
            live(Legacy::start(command)?, end).map(without_reports)
        })?;
        both.removed(&["x.pid", "y.pid"])?;
    }
    Ok(())
}

/// Of its dumps and reports of errors, which say something else each time, only what they are and what follows.
fn without_reports(ended: Ended) -> Ended {
    let reports = ["Full thread dump", "SIGSEGV (0xb)"];
    let report = reports.iter().find(|report| ended.said.contains(**report));
    let Some((report, (before, after))) = report.zip(ended.said.split_once("ready\n")) else {
        return ended;
    };
    let last = after.lines().last().unwrap_or_default();
    let said = format!("{before}ready\n{report}\n{last}\n");
    Ended { said, ..ended }
}
