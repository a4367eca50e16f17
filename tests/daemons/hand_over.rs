//! Hand-overs, in which a pidfile gets another owner, and re-executions, in which an owner gets another pidfile.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::{evidence, owner, path};

use crate::daemon::says;
use crate::life::run;
use crate::story::{Story, Teller, Told};
use crate::ways::Mode;
use crate::{haproxy, nginx, sshd};

/// sshd removes its pidfile on SIGHUP, executes itself, and writes it again.
pub(crate) const SSHD_HUP: Story = Story {
    name: "a_server_that_executes_itself_is_guarded_again",
    daemon: &sshd::DAEMON,
    modes: &Mode::ALL,
    tell: executes_itself,
};

/// A new master takes the name of the pidfile, and the old one quits.
pub(crate) const NGINX_UPGRADE: Story = Story {
    name: "an_upgraded_master_is_guarded",
    daemon: &nginx::DAEMON,
    modes: &Mode::ALL,
    tell: upgrade,
};

/// A new master quits, and the old one takes the name of the pidfile back.
pub(crate) const NGINX_QUIT: Story = Story {
    name: "a_master_whose_upgrade_quits_is_guarded_again",
    daemon: &nginx::DAEMON,
    modes: &Mode::ALL,
    tell: |teller| abandoned(teller, Signal::SIGQUIT),
};

/// The same, of a new master that leaves its pidfile.
pub(crate) const NGINX_KILLED: Story = Story {
    name: "a_master_whose_upgrade_is_killed_is_guarded_again",
    daemon: &nginx::DAEMON,
    modes: &Mode::ALL,
    tell: |teller| abandoned(teller, Signal::SIGKILL),
};

/// A new process takes over port and pidfile, and lets the old one finish.
pub(crate) const HAPROXY_RELOAD: Story = Story {
    name: "a_process_that_finishes_another_is_guarded",
    daemon: &haproxy::DAEMON,
    modes: &Mode::ALL,
    tell: |teller| reload(teller, teller.mode),
};

/// The same, started without pidward.
pub(crate) const HAPROXY_RELOAD_BY_HAND: Story = Story {
    name: "a_process_started_by_hand_that_finishes_another_is_guarded",
    daemon: &haproxy::DAEMON,
    // A guard that was not given the pidfile's name ends when the new process removes it.
    modes: &[Mode::Guarded, Mode::Named],
    tell: |teller| reload(teller, Mode::Baseline),
};

fn executes_itself(teller: &Teller<'_>) -> Checked<Told> {
    let pidfile = teller.daemon.pidfile();
    let watch = teller.watch()?;
    let which = |file: &Metadata| (file.ino(), file.ctime(), file.ctime_nsec());
    let before = fs::metadata(&pidfile).doing("look at the pidfile")?;
    teller.first.signal(Signal::SIGHUP).doing("SIGHUP")?;
    let again = || {
        let now = fs::metadata(&pidfile).ok()?;
        owner(&pidfile).filter(|_| which(&now) != which(&before))
    };
    let owner = watch.until(Deadline::seconds(15), &[], again);
    let owner = owner.ok_or_else(|| Failure::new("no new pidfile", evidence()))?;
    teller.still_serves()?;
    Ok(Told {
        seen: vec![format!("it is itself: {}", owner.pid == teller.first.pid)],
        owner,
    })
}

/// Where nginx moves the pidfile of a master that has started another.
fn of_old_master() -> PathBuf {
    path("nginx.pid.oldbin")
}

fn upgrade(teller: &Teller<'_>) -> Checked<Told> {
    let new = new_master(teller)?;
    teller.first.signal(Signal::SIGQUIT).doing("SIGQUIT")?;
    let death = teller.world.end_of(teller.first, Deadline::seconds(15));
    teller.still_serves()?;
    let seen = vec![
        format!("the old master: {death:?}"),
        format!("its pidfile: {}", of_old_master().exists()),
    ];
    Ok(Told { owner: new, seen })
}

/// The new master ends, of this signal, and the old one takes its pidfile back.
fn abandoned(teller: &Teller<'_>, signal: Signal) -> Checked<Told> {
    let new = new_master(teller)?;
    let watch = teller.watch()?;
    new.signal(signal).doing(signal)?;
    let pidfile = teller.daemon.pidfile();
    let back = || {
        owner(&pidfile).filter(|named| named.pid == teller.first.pid && !of_old_master().exists())
    };
    let back = watch.until(Deadline::seconds(15), &[], back);
    let back = back.ok_or_else(|| Failure::new("the pidfile does not come back", evidence()))?;
    teller.still_serves()?;
    let seen = vec![format!("the new master is dead: {}", new.is_dead())];
    Ok(Told { owner: back, seen })
}

/// Lets nginx start another master beside itself, as after its program was upgraded.
fn new_master(teller: &Teller<'_>) -> Checked<Process> {
    let pidfile = teller.daemon.pidfile();
    let watch = teller.watch()?;
    let old = teller.first.pid;
    teller.first.signal(Signal::SIGUSR2).doing("SIGUSR2")?;
    let both = || {
        let new = owner(&pidfile).filter(|new| new.pid != old)?;
        owner(&of_old_master())
            .is_some_and(|named| named.pid == old)
            .then_some(new)
    };
    let new = watch.until(Deadline::seconds(15), &[], both);
    let new = new.ok_or_else(|| Failure::new("no new master", evidence()))?;
    // A signal that it gets before it waits for signals is lost.
    let waits = format!("{0}#{0}: start worker process ", new.pid);
    says("nginx.log", &waits, Deadline::seconds(15))?;
    Ok(new)
}

/// Starts the new process as `mode` has it.
fn reload(teller: &Teller<'_>, mode: Mode) -> Checked<Told> {
    let old = teller.first.pid.to_string();
    let (configuration, pidfile) = ("/mnt/haproxy.cfg", "/mnt/haproxy.pid");
    let words = [
        "haproxy",
        "-D",
        "-f",
        configuration,
        "-p",
        pidfile,
        "-sf",
        &old,
    ];
    let start = run(teller.world, teller.daemon, mode, &words)?;
    let death = teller.world.end_of(teller.first, Deadline::seconds(15));
    teller.still_serves()?;
    let owner = teller.named()?;
    let seen = vec![
        format!("the command: {start}"),
        format!("the old process: {death:?}"),
        format!("another one: {}", owner.pid != teller.first.pid),
    ];
    Ok(Told { owner, seen })
}
