//! Real daemons, each started in every mode and ended in every way: one test a cell, `nginx::run::SIGKILL`.
//!
//! `baseline` is the daemon without pidward: what is expected of `run` (`pidward run --`), `guarded` (`pidward run -p
//! PIDFILE --no-preload --`), `preload` (nothing but LD_PRELOAD) and for some `named` (`pidward run -p PIDFILE --`) comes
//! from it, in the same run. Besides there are stories: `nginx::run::an_upgraded_master_is_guarded`.
//!
//! `soak` has them side by side, in random order.
//!
//! `memcheck` has them under valgrind; as that takes long, only where it is asked for.
//!
//! `supervised` are those that go into the background, under supervisors that expect them not to.

use std::process::ExitCode;

use libtest_mimic::Arguments;
use pidward_tests::namespace;

mod cell;
mod daemon;
mod guarded;
mod hand_over;
mod inside;
mod left;
mod life;
mod matrix;
mod memcheck;
mod soak;
mod stock;
mod story;
mod supervised;
mod supervisors;
mod ways;

mod apache;
mod busybox;
mod chrony;
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
mod vsftpd;

use daemon::Daemon;
use story::Story;

/// In the order of the table's rows.
static DAEMONS: [Daemon; 16] = [
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
    chrony::DAEMON,
    vsftpd::DAEMON,
    supervisor::DAEMON,
    start_stop_daemon::DAEMON,
    shell::DAEMON,
    busybox::DAEMON,
];

/// What daemons do besides ending.
static STORIES: [Story; 7] = [
    hand_over::SSHD_HUP,
    hand_over::NGINX_UPGRADE,
    hand_over::NGINX_QUIT,
    hand_over::NGINX_KILLED,
    hand_over::HAPROXY_RELOAD,
    hand_over::HAPROXY_RELOAD_BY_HAND,
    vsftpd::SESSIONS_END,
];

fn main() -> ExitCode {
    if let Some(done) = namespace::enter(inside::run) {
        return done;
    }
    let arguments = Arguments::from_args();
    let (mut trials, written) = matrix::trials(&DAEMONS);
    trials.extend(story::trials(&STORIES));
    trials.extend(supervised::trials(&DAEMONS));
    trials.extend(memcheck::trials(&DAEMONS));
    trials.push(soak::trial());
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(failure) = written.write() {
        eprintln!("{failure}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}
