//! Those of the matrix: they are installed for all tests.

use nix::sys::signal::Signal;

use super::soaked::Soaked;
use crate::{apache, chrony, cron, dnsmasq, haproxy, memcached, nginx, postgres, redis, rsyslog};
use crate::{shell, sshd, start_stop_daemon, supervisor, vsftpd};

pub(super) const DAEMONS: &[Soaked] = &[
    Soaked::of(apache::DAEMON)
        .reloads(Signal::SIGUSR1)
        .rotates("error.log", Signal::SIGUSR1),
    // Its SIGHUP is a story of its own: it removes its pidfile, and writes it anew.
    Soaked::of(sshd::DAEMON),
    Soaked::of(postgres::DAEMON).reloads(Signal::SIGHUP),
    Soaked::of(nginx::DAEMON)
        .reloads(Signal::SIGHUP)
        .rotates("nginx.log", Signal::SIGUSR1),
    Soaked::of(redis::DAEMON),
    Soaked::of(cron::DAEMON),
    Soaked::of(rsyslog::DAEMON)
        .reloads(Signal::SIGHUP)
        .rotates("rsyslog.log", Signal::SIGHUP),
    Soaked::of(haproxy::DAEMON),
    Soaked::of(dnsmasq::DAEMON).reloads(Signal::SIGHUP),
    Soaked::of(memcached::DAEMON),
    Soaked::of(chrony::DAEMON),
    Soaked::of(vsftpd::DAEMON),
    Soaked::of(supervisor::DAEMON).rotates("supervisord.log", Signal::SIGUSR2),
    Soaked::of(start_stop_daemon::DAEMON),
    Soaked::of(shell::DAEMON),
];
