//! Real daemons, each started in every mode and ended in every way: one test a cell, `nginx::run::SIGKILL`.
//!
//! `baseline` is the daemon without pidward: what is expected of `run` (`pidward run --`), `guarded` (`pidward run -p
//! PIDFILE --no-preload --`) and `preload` (nothing but LD_PRELOAD) comes from it, in the same run.
//!
//! `supervised` are those that go into the background, under supervisors that expect them not to.

use std::process::ExitCode;

use libtest_mimic::Arguments;
use pidward_tests::namespace;

mod cell;
mod daemon;
mod inside;
mod left;
mod life;
mod matrix;
mod stock;
mod supervised;
mod supervisors;
mod ways;

mod apache;
mod busybox;
mod cron;
mod dnsmasq;
mod haproxy;
mod memcached;
mod nginx;
mod postgres;
mod redis;
mod rsyslog;
mod shell;
mod sshd;
mod start_stop_daemon;
mod supervisor;

use daemon::Daemon;

/// In the order of the table's rows.
static DAEMONS: [Daemon; 14] = [
    apache::DAEMON,
    sshd::DAEMON,
    postgres::DAEMON,
    nginx::DAEMON,
    redis::DAEMON,
    cron::DAEMON,
    rsyslog::DAEMON,
    haproxy::DAEMON,
    dnsmasq::DAEMON,
    memcached::DAEMON,
    supervisor::DAEMON,
    start_stop_daemon::DAEMON,
    shell::DAEMON,
    busybox::DAEMON,
];

fn main() -> ExitCode {
    if let Some(done) = namespace::enter(inside::run) {
        return done;
    }
    let arguments = Arguments::from_args();
    let (mut trials, written) = matrix::trials(&DAEMONS);
    trials.extend(supervised::trials(&DAEMONS));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(failure) = written.write() {
        eprintln!("{failure}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}
