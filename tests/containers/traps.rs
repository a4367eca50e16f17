//! Pidfiles that look stale from where the sweep is, and are not: nothing may be removed.

use std::fs;
use std::path::Path;
use std::process::Command;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::world::path;

use super::Test;
use super::daemons::POSTGRES;
use super::engine::{Container, Engine, PIDWARD};

pub(super) fn tests() -> Vec<Test> {
    let each =
        |name: &str, check: fn(&Engine) -> Checked| -> Test { (name.to_owned(), Box::new(check)) };
    vec![
        each(
            "another_containers_live_daemon_keeps_its_pidfile_on_a_shared_volume",
            shared_volume,
        ),
        each(
            "a_containers_live_daemon_keeps_its_pidfile_from_the_host",
            from_host,
        ),
        each(
            "the_hosts_pidfile_mounted_into_a_container_stays",
            hosts_file,
        ),
        each(
            "the_hosts_daemon_keeps_its_pidfile_on_a_directory_of_both",
            hosts_directory,
        ),
        each(
            "a_cloned_machine_id_proves_nothing_on_a_shared_volume",
            cloned,
        ),
    ]
}

const VOLUME: &str = "--volume=/mnt/volume:/srv";

/// postgres in a container of its own, its data on a volume.
fn postgres<'e>(engine: &'e Engine, before: &[&str]) -> Checked<(Container<'e>, i32)> {
    fs::create_dir(path("volume")).doing("make a volume")?;
    let everybodys = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    fs::set_permissions(path("volume"), everybodys).doing("open it")?;
    let mut command = vec!["sh", "/etc/daemons/entrypoint", POSTGRES.pidfile];
    command.extend(before);
    command.extend(POSTGRES.start);
    let container = engine.start("postgres", &[VOLUME, "--user=postgres"], &command)?;
    let pid = container.is_up(POSTGRES.pidfile, POSTGRES.comm, None)?;
    if !before.is_empty() {
        container.is_recorded(POSTGRES.pidfile, pid)?;
    }
    Ok((container, pid))
}

const GUARDED: [&str; 5] = [PIDWARD, "run", "-p", POSTGRES.pidfile, "--"];

/// It says that it left the pidfile, for this reason, and the pidfile is there.
fn left(said: &str, pidfile: &Path, reason: &str) -> Checked {
    let is_said = said.starts_with("left  ") && said.trim_end().ends_with(reason);
    if is_said && said.lines().count() == 1 && pidfile.exists() {
        return Ok(());
    }
    let there = if pidfile.exists() { "there" } else { "gone" };
    Err(Failure::new(
        "another answer",
        format!("{said}\nexpected left … {reason}; it is {there}"),
    ))
}

fn shared_volume(engine: &Engine) -> Checked {
    let (container, pid) = postgres(engine, &GUARDED)?;
    let pidfile = path("volume/data/postmaster.pid");
    let sweep = |what: &str| engine.say("base", &[VOLUME], &[PIDWARD, "sweep", "--suspect", what]);
    for what in ["/srv", "/srv/data/postmaster.pid"] {
        left(&sweep(what)?, &pidfile, "(elsewhere)")?;
    }
    // Its guard alone is killed; the daemon lives.
    let record = container.is_recorded(POSTGRES.pidfile, pid)?;
    let guard = record.number("guard").ok_or("none").doing("its guard")?;
    container.exec(&["sh", "-c", &format!("kill -9 {guard}")])?;
    left(&sweep("/srv")?, &pidfile, "(elsewhere)")?;
    // In its own container, it is known to be alive.
    let own = container.exec(&[PIDWARD, "sweep", "--suspect", "/srv", POSTGRES.pidfile])?;
    if !own.is_empty() || container.is_up(POSTGRES.pidfile, POSTGRES.comm, None)? != pid {
        return Err(Failure::new("it was touched", own));
    }
    container.kill()
}

/// With and without a record; and with its guard killed alone.
fn from_host(engine: &Engine) -> Checked {
    let (container, _) = postgres(engine, &GUARDED)?;
    let pidfile = path("volume/data/postmaster.pid");
    let data = path("volume").display().to_string();
    let named = pidfile.display().to_string();
    for what in [&data, &named] {
        left(&sweep_here(engine, what)?, &pidfile, "(elsewhere)")?;
    }
    for guard in proc::pidwards()
        .iter()
        .filter_map(|it| Process::living(it.pid))
    {
        guard
            .signal(nix::sys::signal::Signal::SIGKILL)
            .doing("kill its guard")?;
        if !guard.dies_by(Deadline::seconds(10)) {
            return Err(Failure::new("the guard stays", guard.pid));
        }
    }
    for what in [&data, &named] {
        left(&sweep_here(engine, what)?, &pidfile, "(elsewhere)")?;
    }
    fs::remove_file(path("volume/data/postmaster.pid.ward")).doing("remove its record")?;
    let text = fs::read_to_string(&pidfile).doing("read the pidfile")?;
    let number: i32 = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .parse()
        .doing("a number")?;
    // Were it somebody's here, it would not be known whether he is meant.
    if Process::living(number).is_some() {
        return Err(Failure::new(
            "the test itself",
            format!("{number} is somebody's here"),
        ));
    }
    for what in [&data, &named] {
        left(&sweep_here(engine, what)?, &pidfile, "(elsewhere)")?;
    }
    container.kill()
}

fn sweep_here(engine: &Engine, what: &str) -> Checked<String> {
    super::engine::run(Command::new(engine.release.join("pidward")).args(["sweep", what]))
}

/// A daemon of the host's, and its pidfile.
fn hosts() -> Checked<(std::process::Child, std::path::PathBuf)> {
    fs::create_dir(path("host")).doing("make a directory")?;
    // Its number is above any that a container has.
    fs::write("/proc/sys/kernel/ns_last_pid", "20000").doing("set the last PID")?;
    let daemon = Command::new("sleep")
        .arg("1000")
        .spawn()
        .doing("start a daemon")?;
    let pidfile = path("host/dbus.pid");
    fs::write(&pidfile, format!("{}\n", daemon.id())).doing("write its pidfile")?;
    Ok((daemon, pidfile))
}

fn is_as_it_was(mut daemon: std::process::Child, pidfile: &Path) -> Checked {
    let text = fs::read_to_string(pidfile).doing("read the pidfile")?;
    if text != format!("{}\n", daemon.id()) {
        return Err(Failure::new("the pidfile was written", text));
    }
    daemon.kill().doing("kill it")?;
    daemon.wait().doing("reap it").map(drop)
}

fn hosts_file(engine: &Engine) -> Checked {
    let (daemon, pidfile) = hosts()?;
    let volume = ["--volume=/mnt/host/dbus.pid:/run/dbus.pid"];
    let said = engine.say("base", &volume, &[PIDWARD, "sweep", "--suspect"])?;
    left(&said, &pidfile, "(shared)")?;
    let script = format!("{PIDWARD} sweep /run/dbus.pid; test $? = 1 && test -e /run/dbus.pid");
    let said = engine.say("base", &volume, &["sh", "-c", &script])?;
    left(
        &said,
        &pidfile,
        "it is mounted there by itself, from elsewhere (dead)",
    )?;
    let run = format!("{PIDWARD} run -p /run/dbus.pid -- test -e /run/dbus.pid");
    let said = engine.say("base", &volume, &["sh", "-c", &run])?;
    if !said.contains("it is mounted there by itself, from elsewhere") {
        return Err(Failure::new("run says nothing", said));
    }
    is_as_it_was(daemon, &pidfile)
}

fn hosts_directory(engine: &Engine) -> Checked {
    let (daemon, pidfile) = hosts()?;
    let volume = ["--volume=/mnt/host:/srv"];
    let said = engine.say("base", &volume, &[PIDWARD, "sweep", "--suspect", "/srv"])?;
    left(&said, &pidfile, "(shared)")?;
    is_as_it_was(daemon, &pidfile)
}

/// Two machines made from one disk, with one volume: the record is of another boot of what looks like this machine.
fn cloned(engine: &Engine) -> Checked {
    let (container, pid) = postgres(engine, &GUARDED)?;
    container.is_recorded(POSTGRES.pidfile, pid)?;
    let path = path("volume/data/postmaster.pid.ward");
    let record = fs::read_to_string(&path).doing("read the record")?;
    let line = |key: &str| {
        let line = record.lines().find(|line| line.starts_with(key));
        line.map(str::to_owned)
            .ok_or("none")
            .doing("a line of the record")
    };
    let id = "0123456789abcdef0123456789abcdef";
    let changed = record
        .replace(&line("boot ")?, "boot 00000000-0000-0000-0000-000000000000")
        .replace(&line("machine ")?, &format!("machine {id}"));
    fs::write(&path, changed).doing("write the record")?;
    fs::write(pidward_tests::world::path("machine-id"), format!("{id}\n")).doing("an ID")?;
    let options = [VOLUME, "--volume=/mnt/machine-id:/etc/machine-id:ro"];
    let pidfile = pidward_tests::world::path("volume/data/postmaster.pid");
    for what in ["/srv", "/srv/data/postmaster.pid"] {
        let said = engine.say("base", &options, &[PIDWARD, "sweep", what])?;
        left(&said, &pidfile, "(elsewhere)")?;
    }
    let guard = line("guard ")?.replace("guard ", "");
    container.exec(&["sh", "-c", &format!("kill -9 {guard}")])?;
    let said = engine.say("base", &options, &[PIDWARD, "sweep", "/srv"])?;
    left(&said, &pidfile, "(elsewhere)")?;
    container.kill()
}
