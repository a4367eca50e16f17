//! Who looks after the machine, and is asked by nobody.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use pidward_tests::failure::Doing;
use pidward_tests::world::{directory_of, path, write};

use super::soaked::Soaked;
use crate::daemon::{Daemon, Ready};

pub(super) const DAEMONS: &[Soaked] = &[ATD, COLLECTD, MONIT, HAVEGED, SENTINEL, SYSLOGD];

const ATD: Soaked = Soaked::of(Daemon {
    name: "atd",
    package: "at",
    // cron has covered /var/spool/cron.
    prepare: |_| {
        directory_of("daemon", "/var/spool/cron/atjobs")?;
        directory_of("daemon", "/var/spool/cron/atspool")
    },
    pidfile: "/run/atd.pid",
    start: &["atd"],
    ..Daemon::USUAL
});

const COLLECTD: Soaked = Soaked::of(Daemon {
    name: "collectd",
    package: "collectd-core",
    prepare: |_| {
        write(
            "collectd.conf",
            "BaseDir \"/mnt\"\n\
             PIDFile \"/mnt/collectd.pid\"\n\
             FQDNLookup false\n\
             Hostname \"localhost\"\n\
             LoadPlugin logfile\n\
             <Plugin logfile>\n  File \"/mnt/collectd.log\"\n</Plugin>\n",
        )
    },
    pidfile: "collectd.pid",
    start: &["collectd", "-C", "/mnt/collectd.conf"],
    ..Daemon::USUAL
});

const MONIT: Soaked = Soaked::of(Daemon {
    name: "monit",
    package: "monit",
    prepare: |_| {
        write(
            "monitrc",
            "set daemon 100\n\
             set pidfile /mnt/monit.pid\n\
             set idfile /mnt/monit.id\n\
             set statefile /mnt/monit.state\n\
             set logfile /mnt/monit.log\n",
        )?;
        let of_its_user = Permissions::from_mode(0o600);
        set_permissions(path("monitrc"), of_its_user).doing("close monitrc to others")
    },
    pidfile: "monit.pid",
    start: &["monit", "-c", "/mnt/monitrc"],
    ready: &[Ready::Says("monit.log", "started")],
    stop: Some(&["monit", "-c", "/mnt/monitrc", "quit"]),
    ..Daemon::USUAL
});

const HAVEGED: Soaked = Soaked::of(Daemon {
    name: "haveged",
    package: "haveged",
    pidfile: "haveged.pid",
    start: &["haveged", "-w", "1024", "-p", "/mnt/haveged.pid"],
    ..Daemon::USUAL
});

const SENTINEL: Soaked = Soaked::of(Daemon {
    name: "sentinel",
    package: "redis-server",
    prepare: |_| {
        write(
            "sentinel.conf",
            "bind 127.0.0.1\n\
             port 26379\n\
             dir /mnt\n\
             daemonize yes\n\
             pidfile /mnt/sentinel.pid\n\
             logfile /mnt/sentinel.log\n",
        )
    },
    pidfile: "sentinel.pid",
    start: &["redis-server", "/mnt/sentinel.conf", "--sentinel"],
    ready: &[Ready::Says("sentinel.log", "Sentinel ID is")],
    stop: Some(&["redis-cli", "-p", "26379", "shutdown"]),
    ..Daemon::USUAL
});

/// No preload reaches it.
const SYSLOGD: Soaked = Soaked::of(Daemon {
    name: "busybox syslogd",
    package: "busybox-static",
    pidfile: "/run/syslogd.pid",
    start: &["busybox", "syslogd", "-O", "/mnt/syslogd.log"],
    is_static: true,
    ..Daemon::USUAL
});
