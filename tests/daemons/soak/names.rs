//! Who knows what names and addresses are whose.

use nix::sys::signal::Signal;
use pidward_tests::world::{directory_of, write};

use super::soaked::Soaked;
use crate::daemon::{Daemon, Ready};

pub(super) const DAEMONS: &[Soaked] = &[
    UNBOUND, NSD, NAMED, RECURSOR, RBLDNSD, AVAHI, BIRD, SLAPD, SNMPD,
];

const UNBOUND: Soaked = Soaked::of(Daemon {
    name: "unbound",
    package: "unbound",
    prepare: |_| {
        write(
            "unbound.conf",
            "server:\n\
             \x20 pidfile: /mnt/unbound.pid\n\
             \x20 interface: 127.0.0.1@5301\n\
             \x20 username: \"\"\n\
             \x20 chroot: \"\"\n\
             \x20 directory: /mnt\n\
             \x20 use-syslog: no\n\
             \x20 logfile: /mnt/unbound.log\n\
             remote-control:\n\
             \x20 control-enable: no\n",
        )
    },
    pidfile: "unbound.pid",
    start: &["unbound", "-c", "/mnt/unbound.conf"],
    ready: &[Ready::Says("unbound.log", "start of service")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("unbound.log", Signal::SIGHUP);

const NSD: Soaked = Soaked::of(Daemon {
    name: "nsd",
    package: "nsd",
    prepare: |_| {
        write(
            "nsd.conf",
            "server:\n\
             \x20 ip-address: 127.0.0.1@5302\n\
             \x20 pidfile: /mnt/nsd.pid\n\
             \x20 username: \"\"\n\
             \x20 zonesdir: /mnt\n\
             \x20 database: \"\"\n\
             \x20 logfile: /mnt/nsd.log\n\
             \x20 xfrdfile: /mnt/nsd.xfrd\n\
             \x20 zonelistfile: /mnt/nsd.zones\n\
             \x20 xfrdir: /mnt/tmp\n\
             remote-control:\n\
             \x20 control-enable: no\n",
        )
    },
    pidfile: "nsd.pid",
    start: &["nsd", "-c", "/mnt/nsd.conf"],
    ready: &[Ready::Says("nsd.log", "nsd started")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("nsd.log", Signal::SIGHUP);

/// It has threads in plenty.
const NAMED: Soaked = Soaked::of(Daemon {
    name: "named",
    package: "bind9",
    prepare: |_| {
        write(
            "named.conf",
            "options {\n\
             \x20 directory \"/mnt\";\n\
             \x20 pid-file \"/mnt/named.pid\";\n\
             \x20 lock-file none;\n\
             \x20 session-keyfile \"/mnt/named.key\";\n\
             \x20 listen-on port 5303 { 127.0.0.1; };\n\
             \x20 listen-on-v6 { none; };\n\
             \x20 recursion no;\n\
             \x20 dnssec-validation no;\n\
             };\n\
             controls { };\n\
             logging {\n\
             \x20 channel all { file \"/mnt/named.log\"; };\n\
             \x20 category default { all; };\n\
             };\n",
        )
    },
    pidfile: "named.pid",
    start: &["named", "-c", "/mnt/named.conf"],
    ready: &[Ready::Says("named.log", "running")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("named.log", Signal::SIGHUP);

const RECURSOR: Soaked = Soaked::of(Daemon {
    name: "pdns_recursor",
    package: "pdns-recursor",
    prepare: |_| directory_of("root", "recursor"),
    pidfile: "recursor/pdns_recursor.pid",
    start: &[
        "pdns_recursor",
        "--daemon=yes",
        "--config-dir=/mnt/recursor",
        "--socket-dir=/mnt/recursor",
        "--local-address=127.0.0.1",
        "--local-port=5305",
    ],
    ..Daemon::USUAL
});

const RBLDNSD: Soaked = Soaked::of(Daemon {
    name: "rbldnsd",
    package: "rbldnsd",
    prepare: |_| write("rbldnsd.zone", "127.0.0.2\n"),
    pidfile: "rbldnsd.pid",
    start: &[
        "rbldnsd",
        "-b",
        "127.0.0.1/5306",
        "-p",
        "/mnt/rbldnsd.pid",
        "-u",
        "nobody",
        "example.net:ip4set:/mnt/rbldnsd.zone",
    ],
    ..Daemon::USUAL
});

const AVAHI: Soaked = Soaked::of(Daemon {
    name: "avahi",
    package: "avahi-daemon",
    prepare: |_| {
        directory_of("root", "/run/avahi-daemon")?;
        write(
            "avahi.conf",
            "[server]\nenable-dbus=no\nhost-name=soaked\n[rlimits]\n",
        )
    },
    pidfile: "/run/avahi-daemon/pid",
    start: &["avahi-daemon", "-D", "--no-chroot", "-f", "/mnt/avahi.conf"],
    stop: Some(&["avahi-daemon", "-k"]),
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP);

const BIRD: Soaked = Soaked::of(Daemon {
    name: "bird",
    package: "bird2",
    prepare: |_| {
        write(
            "bird.conf",
            "router id 192.0.2.1;\nlog \"/mnt/bird.log\" all;\nprotocol device { }\n",
        )
    },
    pidfile: "bird.pid",
    start: &[
        "bird",
        "-c",
        "/mnt/bird.conf",
        "-P",
        "/mnt/bird.pid",
        "-s",
        "/mnt/bird.ctl",
    ],
    ready: &[Ready::Says("bird.log", "Started")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("bird.log", Signal::SIGHUP);

const SLAPD: Soaked = Soaked::of(Daemon {
    name: "slapd",
    package: "slapd",
    prepare: |_| write("slapd.conf", "pidfile /mnt/slapd.pid\n"),
    pidfile: "slapd.pid",
    start: &[
        "slapd",
        "-h",
        "ldap://127.0.0.1:3389",
        "-f",
        "/mnt/slapd.conf",
    ],
    ..Daemon::USUAL
});

const SNMPD: Soaked = Soaked::of(Daemon {
    name: "snmpd",
    package: "snmpd",
    prepare: |_| write("snmpd.conf", "[snmp] persistentDir /mnt/tmp\n"),
    pidfile: "snmpd.pid",
    start: &[
        "snmpd",
        "-C",
        "-c",
        "/mnt/snmpd.conf",
        "-Lf",
        "/mnt/snmpd.log",
        "-p",
        "/mnt/snmpd.pid",
        "udp:127.0.0.1:1161",
    ],
    ready: &[Ready::Says("snmpd.log", "NET-SNMP version")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("snmpd.log", Signal::SIGHUP);
