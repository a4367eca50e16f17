//! The log is told what became of a pidfile, and what its owner died of.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::own_devices;
use pidward_tests::process::Process;

use super::post::{Post, daemon, guard, kill, leaves, ready, start};
use crate::answer::ask;
use crate::compare::bare;
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

/// Where systemd's journal listens.
pub(crate) const JOURNAL: &str = "/run/systemd/journal/socket";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("the_log_says_what_the_daemon_died_of", causes),
        each("the_log_says_why_a_dead_daemons_pidfile_stays", stays),
        each("the_log_is_told_of_a_death_by_stop_too", by_stop),
        each("the_journal_gets_fields_to_select_by", journal),
        each("removals_are_counted_by_cause", counted),
        each(
            "a_log_that_nobody_reads_does_not_hold_the_guard_up",
            nobody_reads,
        ),
    ]
    .into_iter()
}

/// A log of the test's own.
pub(crate) fn log() -> Checked<UnixDatagram> {
    own_devices()?;
    let log = UnixDatagram::bind("/dev/log").doing("bind /dev/log")?;
    let long = Some(Duration::from_secs(10));
    log.set_read_timeout(long).doing("set a deadline")?;
    Ok(log)
}

pub(crate) fn line(log: &UnixDatagram) -> Checked<String> {
    let mut bytes = [0; 4096];
    let count = log.recv(&mut bytes).doing("nothing is logged")?;
    let bytes = bytes.get(..count).unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// A guarded daemon that dies so when it is told to go on.
fn guarded(scene: &Scene, options: &[&str], death: &str) -> Checked<(Legacy, Process, Post)> {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = ready(daemon(&format!("make open x.pid say ready hear {death}")))?;
    start(guard(scene, options, &post.pidfile))?;
    let guard = post.recorded(daemon.process.pid)?;
    Ok((daemon, guard, post))
}

/// Ways to die, and what is said of each, to people and to programs.
const ENDS: [(&str, &str, &str); 4] = [
    ("die _exit", "exited with status 7", "7"),
    ("raise 9", "was ended by signal 9 (KILL)", "SIGKILL"),
    ("die segv", "was ended by signal 11 (SEGV)", "SIGSEGV"),
    ("raise 40", "was ended by signal 40", "signal 40"),
];

/// As journald takes them (systemd, "Native Journal Protocol"): a field a line.
fn journal(scene: &Scene) -> Checked {
    let (log, journal) = (log()?, be_a_journal()?);
    scene.without_cores()?;
    for (death, cause, exit) in ENDS {
        let (mut daemon, _guard, post) = guarded(scene, &[], death)?;
        let pid = daemon.process.pid;
        daemon.go_on()?;
        daemon.end()?;
        let entry = line(&journal)?;
        let path = post.pidfile.display();
        let expected = format!(
            "MESSAGE=removed {path}: PID {pid} (legacy) {cause}\nPRIORITY=6\nSYSLOG_FACILITY=3\n\
             SYSLOG_IDENTIFIER=pidward-guard\nVERDICT=dead\nEXIT={exit}\nPIDFILE={path}\n"
        );
        if entry != expected {
            let evidence = format!("{entry}\nexpected {expected}");
            return Err(Failure::new("another entry", evidence));
        }
    }
    // Each is said once.
    log.set_nonblocking(true).doing("look into the log")?;
    match log.recv(&mut [0; 16]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        heard => Err(Failure::new("it is said twice", format!("{heard:?}"))),
    }
}

pub(crate) fn be_a_journal() -> Checked<UnixDatagram> {
    let socket = Path::new(JOURNAL);
    let directory = socket.parent().unwrap_or(socket);
    fs::create_dir_all(directory).doing("make a place for a journal")?;
    let journal = UnixDatagram::bind(socket).doing("be a journal")?;
    let long = Some(Duration::from_secs(10));
    journal.set_read_timeout(long).doing("set a deadline")?;
    Ok(journal)
}

fn counted(scene: &Scene) -> Checked {
    scene.without_cores()?;
    for (death, ..) in ENDS {
        let (mut daemon, guard, post) = guarded(scene, &[], death)?;
        daemon.go_on()?;
        daemon.end()?;
        post.cleared()?;
        leaves(&guard)?;
    }
    crate::scene::write("stale.pid", "2147483647\n")?;
    ask(scene, "sweep --dry-run stale.pid")?.says(0, true, "")?;
    ask(scene, "sweep stale.pid")?.says(0, true, "")?;
    crate::scene::write("stale.pid", "2147483647\n")?;
    ask(scene, "stop stale.pid")?.says(0, true, "")?;
    let answer = ask(scene, "status --prometheus")?;
    for number in [
        "{by=\"guard\",cause=\"failure\"} 1",
        "{by=\"guard\",cause=\"signal\"} 3",
        "{by=\"guard\",cause=\"exit\"} 0",
        "{by=\"sweep\",cause=\"dead\"} 1",
        "{by=\"stop\",cause=\"dead\"} 1",
    ] {
        let series = format!("\npidward_removals_total{number}\n");
        answer.is(0, answer.out.contains(&series), &series)?;
    }
    Ok(())
}

fn causes(scene: &Scene) -> Checked {
    let log = log()?;
    scene.with_and_without_cores(|| {
        for (death, cause, exit) in ENDS {
            let (mut daemon, guard, post) = guarded(scene, &[], death)?;
            let pid = daemon.process.pid;
            daemon.go_on()?;
            let ended = daemon.end()?;
            let core = std::os::unix::process::ExitStatusExt::core_dumped(&ended.status);
            let core = if core { ", core dumped" } else { "" };
            said(
                &log,
                "30",
                &guard,
                &format!(
                    "removed {0}: PID {pid} (legacy) {cause}{core} [PIDFILE={0} VERDICT=dead EXIT={exit}]",
                    post.pidfile.display()
                ),
            )?;
        }
        Ok(())
    })
}

/// The guard is as quick as it may be; nobody takes its work away from it.
fn by_stop(scene: &Scene) -> Checked {
    let log = log()?;
    for _ in 0..20 {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        // Below a parent that reaps it at once, so that stop is as quick as the guard.
        let legacy = Scene::program(LEGACY).display().to_string();
        let mut parent = bare("/bin/sh".as_ref());
        parent.args(["-c", &format!("{legacy} make open x.pid say ready hear; :")]);
        let parent = ready(parent)?;
        let text = fs::read_to_string(&post.pidfile).doing("read x.pid")?;
        let pid = text.trim().parse().doing("read x.pid")?;
        start(guard(scene, &[], &post.pidfile))?;
        let guard = post.recorded(pid)?;
        ask(scene, "stop x.pid")?.is_line(0, "stopped  ", "(TERM) (after TERM)")?;
        if post.is_there() {
            return Err(Failure::new("the pidfile is still there", ""));
        }
        parent.end()?;
        let (path, died) = (post.pidfile.display(), "was ended by signal 15 (TERM)");
        said(
            &log,
            "30",
            &guard,
            &format!(
                "removed {path}: PID {pid} (legacy) {died} [PIDFILE={path} VERDICT=dead EXIT=SIGTERM]"
            ),
        )?;
    }
    Ok(())
}

/// The next line is this one, with this priority (RFC 3164).
fn said(log: &UnixDatagram, priority: &str, guard: &Process, text: &str) -> Checked {
    let found = line(log)?;
    let expected = format!("<{priority}>pidward-guard[{}]: {text}", guard.pid);
    match found == expected {
        true => Ok(()),
        false => Err(Failure::new(
            "another line",
            format!("{found}\nexpected {expected}"),
        )),
    }
}

fn stays(scene: &Scene) -> Checked {
    let log = log()?;
    let (dies, guard, post) = guarded(scene, &["--timeout", "1"], "")?;
    let pid = dies.process.pid;
    let holder = ready(daemon("hold x.pid lock flock say ready hear"))?;
    kill(dies)?;
    let why = "somebody still holds a lock on the file";
    let path = post.pidfile.display();
    said(
        &log,
        "28",
        &guard,
        &format!(
            "left {path}: PID {pid} (legacy) is dead, but {why} [PIDFILE={path} VERDICT=dead]"
        ),
    )?;
    leaves(&guard)?;
    kill(holder).map(drop)
}

/// The queue of the socket is full.
fn nobody_reads(scene: &Scene) -> Checked {
    let log = log()?;
    fill("/dev/log")?;
    let (daemon, guard, post) = guarded(scene, &[], "")?;
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)?;
    drop(log);
    Ok(())
}

/// Sends what nobody reads, until no more is taken.
pub(crate) fn fill(log: &str) -> Checked {
    let sender = UnixDatagram::unbound().doing("make a socket")?;
    sender.set_nonblocking(true).doing("make a socket")?;
    let full = loop {
        if let Err(error) = sender.send_to(b"noise", log) {
            break error;
        }
    };
    if full.kind() != ErrorKind::WouldBlock {
        return Err(Failure::new("the test itself", full));
    }
    Ok(())
}
