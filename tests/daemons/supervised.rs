//! Daemons that go into the background, under supervisors that want them in the foreground: `pidward run -f` stands between.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::release;
use pidward_tests::watch::Watch;
use pidward_tests::world::{World, evidence, owner, path};

use crate::daemon::{Daemon, Ready};
use crate::inside::Order;
use crate::left::{gone_within_a_second, nothing_is_left};
use crate::life::{as_user, parent};
use crate::stock::Stock;
use crate::supervisors::Supervisor;

/// Those that put themselves, or are put, into the background.
const IN_BACKGROUND: [&str; 5] = ["apache", "postgres", "nginx", "redis", "start-stop-daemon"];

/// Each of them under each supervisor.
pub(crate) fn trials(daemons: &'static [Daemon]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for daemon in daemons
        .iter()
        .filter(|daemon| IN_BACKGROUND.contains(&daemon.name))
    {
        let stock = Arc::new(Stock::default());
        for supervisor in Supervisor::ALL {
            let name = format!("{}::supervised::{}", daemon.name, supervisor.name());
            let stock = Arc::clone(&stock);
            trials.push(Trial::test(name, move || {
                outside(daemon, supervisor, false, &stock).map_err(Failed::from)
            }));
        }
        if daemon.name == "nginx" {
            trials.push(Trial::test("nginx::supervised::hand-over", move || {
                outside(daemon, Supervisor::Runit, true, &stock).map_err(Failed::from)
            }));
        }
    }
    trials
}

fn outside(daemon: &Daemon, supervisor: Supervisor, hand_over: bool, stock: &Stock) -> Checked {
    let order = Order::Supervised {
        daemon: daemon.name.to_owned(),
        supervisor,
        hand_over,
        stock: stock.of(daemon)?,
        release: release::directory()?,
    };
    order.carry_out()
}

/// The service as a run script has it. Where the daemon's user may leave no link, its pidfile has to be named.
fn service(daemon: &Daemon, supervisor: Supervisor) -> Vec<String> {
    let mut words = vec![path("pidward/pidward").display().to_string(), "run".into()];
    if supervisor != Supervisor::Container {
        words.push("-f".into());
    }
    if daemon.user.is_some() {
        words.extend(["-p".into(), daemon.pidfile().display().to_string()]);
    }
    words.push("--".into());
    words.extend(daemon.start.iter().map(|word| (*word).to_owned()));
    as_user(daemon, words)
}

/// Inside: what ends the daemon is seen by the supervisor, what ends the service ends the daemon.
pub(crate) fn check(world: &World, daemon: &Daemon, supervisor: Supervisor) -> Checked {
    if supervisor == Supervisor::Container {
        return contained(world, daemon);
    }
    daemon.ready.iter().for_each(Ready::forget);
    let process = supervisor.start(world, &service(daemon, supervisor))?;
    let first = comes(world, daemon, None)?;
    daemon.ready.iter().for_each(Ready::forget);
    first.signal(Signal::SIGTERM).doing("end the daemon")?;
    let second = comes(world, daemon, Some(first.pid))?;
    let watch = Watch::on(&[parent(&daemon.pidfile())])?;
    supervisor.stop(world, &process)?;
    if !second.dies_by(Deadline::seconds(15)) {
        return Err(Failure::new("does not get the signal", evidence()));
    }
    gone_within_a_second(&watch, &daemon.pidfile())?;
    nothing_is_left()?;
    match process.is_dead() {
        true => Err(Failure::new("the supervisor is dead", evidence())),
        false => Ok(()),
    }
}

/// Inside: nginx starts its successor at USR2, and the supervisor goes on with that one.
pub(crate) fn hand_over(world: &World, daemon: &Daemon, supervisor: Supervisor) -> Checked {
    let mut words = service(daemon, supervisor);
    // It executes itself by the name that it was started with, and does not look for that in PATH.
    for word in words.iter_mut().filter(|word| *word == daemon.name) {
        *word = format!("/usr/sbin/{word}");
    }
    let process = supervisor.start(world, &words)?;
    let old = comes(world, daemon, None)?;
    let answer = world.run(&["sv", "2", "/mnt/service"], &[], Deadline::seconds(10))?;
    if answer != "exited 0" {
        return Err(Failure::new("the supervisor does not obey", answer));
    }
    let new = comes(world, daemon, Some(old.pid))?;
    old.signal(Signal::SIGQUIT).doing("end the old one")?;
    if !old.dies_by(Deadline::seconds(15)) {
        return Err(Failure::new("the old one stays", evidence()));
    }
    let watch = Watch::on(&[parent(&daemon.pidfile())])?;
    supervisor.stop(world, &process)?;
    if !new.dies_by(Deadline::seconds(15)) {
        return Err(Failure::new("does not get the signal", evidence()));
    }
    gone_within_a_second(&watch, &daemon.pidfile())?;
    nothing_is_left()
}

/// A container ends as the daemon ends.
fn contained(world: &World, daemon: &Daemon) -> Checked {
    let supervisor = Supervisor::Container;
    let by_term = match daemon.name {
        // It is sleep(1), and dies of it.
        "start-stop-daemon" => "exited 143",
        _ => "exited 0",
    };
    for (signal, status) in [(Signal::SIGTERM, by_term), (Signal::SIGKILL, "exited 137")] {
        daemon.ready.iter().for_each(Ready::forget);
        let container = supervisor.start(world, &service(daemon, supervisor))?;
        let process = inner(world, daemon)?;
        if signal == Signal::SIGTERM {
            supervisor.stop(world, &container)?;
        } else {
            ends_its_start(&process)?;
            process.signal(signal).doing("kill the daemon")?;
        }
        let ended = world.end_of(&container, Deadline::seconds(15));
        if ended.as_deref() != Some(status) {
            let evidence = format!("{ended:?}, not {status}\n{}", evidence());
            return Err(Failure::new("the container ends otherwise", evidence));
        }
        // Of two guards the one that has stood by may have made an empty record, which says nothing.
        if daemon.pidfile().exists() || Record::read(&daemon.pidfile()).is_some() {
            return Err(Failure::new("something is left", evidence()));
        }
        nothing_is_left()?;
        std::fs::remove_dir_all(path("service")).doing("clear the service")?;
    }
    Ok(())
}

/// Waits until nobody but the container's first process is the daemon's parent. Whoever started it would tell of its death
/// in its own way: pg_ctl fails when the server is killed while it waits for it.
fn ends_its_start(daemon: &Process) -> Checked {
    loop {
        let all = proc::others();
        let of = |pid: i32| all.iter().find(|seen| seen.pid == pid);
        let parent = of(daemon.pid).and_then(|daemon| of(daemon.parent));
        let Some(parent) = parent.filter(|parent| !parent.is_pidward()) else {
            return Ok(());
        };
        let starter = Process::living(parent.pid);
        if starter.is_some_and(|starter| !starter.dies_by(Deadline::seconds(15))) {
            return Err(Failure::new("its start does not end", evidence()));
        }
    }
}

/// Waits for a daemon that is recorded and ready, and not this one.
fn comes(world: &World, daemon: &Daemon, other: Option<i32>) -> Checked<Process> {
    let pidfile = daemon.pidfile();
    let watch = Watch::on(&[parent(&pidfile)])?;
    let recorded = || {
        let owner = owner(&pidfile).filter(|owner| Some(owner.pid) != other)?;
        let record = Record::read(&pidfile)?;
        (record.number("pid") == Some(owner.pid)).then_some(owner)
    };
    let process = watch.until(Deadline::seconds(20), &[], recorded);
    let process = process.ok_or_else(|| Failure::new("no daemon", evidence()))?;
    daemon
        .ready
        .iter()
        .try_for_each(|ready| ready.wait(world))?;
    Ok(process)
}

/// The same in a container, whose numbers are others: the process that goes by the one in the pidfile there.
fn inner(world: &World, daemon: &Daemon) -> Checked<Process> {
    let pidfile = daemon.pidfile();
    let watch = Watch::on(&[parent(&pidfile)])?;
    let record = watch.until(Deadline::seconds(20), &[], || Record::read(&pidfile));
    let pid = record.and_then(|record| record.number("pid"));
    let pid = pid.ok_or_else(|| Failure::new("no daemon", evidence()))?;
    daemon
        .ready
        .iter()
        .try_for_each(|ready| ready.wait(world))?;
    let inside = pid.to_string();
    let goes_by = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let numbers = status
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:"))?;
        let mut numbers = numbers.split_whitespace().skip(1);
        (numbers.next() == Some(&inside)).then_some(pid)
    };
    let all = proc::others();
    let found = all.iter().find_map(|seen| goes_by(seen.pid));
    let process = found.and_then(Process::living);
    process.ok_or_else(|| Failure::new("the daemon is not found", evidence()))
}
