//! Who is asked for connections, files and work.

use nix::sys::signal::Signal;
use pidward_tests::world::{directory_of, write};

use super::soaked::Soaked;
use crate::daemon::{Daemon, Ready};

pub(super) const DAEMONS: &[Soaked] = &[
    DROPBEAR, STUNNEL, SSLH, TOR, DISTCCD, RSYNC, NBD, PGBOUNCER, SER2NET,
];

const DROPBEAR: Soaked = Soaked::of(Daemon {
    name: "dropbear",
    package: "dropbear-bin",
    pidfile: "dropbear.pid",
    start: &[
        "dropbear",
        "-R",
        "-p",
        "127.0.0.1:2223",
        "-P",
        "/mnt/dropbear.pid",
        "-r",
        "/mnt/dropbear_key",
    ],
    ready: &[Ready::Answers(2223, "")],
    ..Daemon::USUAL
});

const STUNNEL: Soaked = Soaked::of(Daemon {
    name: "stunnel",
    package: "stunnel4",
    prepare: |_| {
        write(
            "stunnel.conf",
            "pid = /mnt/stunnel.pid\n\
             output = /mnt/stunnel.log\n\
             [soaked]\n\
             client = yes\n\
             accept = 127.0.0.1:8092\n\
             connect = 127.0.0.1:1\n",
        )
    },
    pidfile: "stunnel.pid",
    start: &["stunnel4", "/mnt/stunnel.conf"],
    ready: &[Ready::Says("stunnel.log", "Configuration successful")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("stunnel.log", Signal::SIGUSR1);

const SSLH: Soaked = Soaked::of(Daemon {
    name: "sslh",
    package: "sslh",
    pidfile: "sslh.pid",
    start: &[
        "sslh",
        "--user",
        "root",
        "-p",
        "127.0.0.1:8093",
        "--ssh",
        "127.0.0.1:2222",
        "-P",
        "/mnt/sslh.pid",
    ],
    ..Daemon::USUAL
});

const TOR: Soaked = Soaked::of(Daemon {
    name: "tor",
    package: "tor",
    prepare: |_| {
        write(
            "torrc",
            "DataDirectory /mnt/tor\n\
             PidFile /mnt/tor.pid\n\
             RunAsDaemon 1\n\
             DisableNetwork 1\n\
             SocksPort 0\n\
             Log notice file /mnt/tor.log\n",
        )
    },
    pidfile: "tor.pid",
    start: &["tor", "-f", "/mnt/torrc"],
    ready: &[Ready::Says("tor.log", "DisableNetwork is set")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("tor.log", Signal::SIGHUP);

/// Another user writes the pidfile.
const DISTCCD: Soaked = Soaked::of(Daemon {
    name: "distccd",
    package: "distcc",
    prepare: |_| directory_of("nobody", "distcc"),
    pidfile: "distcc/distccd.pid",
    start: &[
        "distccd",
        "--daemon",
        "--pid-file=/mnt/distcc/distccd.pid",
        "--log-file=/mnt/distcc/log",
        "--listen",
        "127.0.0.1",
        "--allow",
        "127.0.0.1",
        "--user",
        "nobody",
    ],
    ..Daemon::USUAL
});

/// It refuses to start while there is a pidfile, whatever it says.
const RSYNC: Soaked = Soaked::of(Daemon {
    name: "rsync",
    package: "rsync",
    prepare: |_| {
        write(
            "rsyncd.conf",
            "pid file = /mnt/rsyncd.pid\n\
             log file = /mnt/rsyncd.log\n\
             port = 8730\n\
             address = 127.0.0.1\n",
        )
    },
    pidfile: "rsyncd.pid",
    start: &["rsync", "--daemon", "--config=/mnt/rsyncd.conf"],
    ready: &[Ready::Answers(8730, "")],
    ..Daemon::USUAL
});

const NBD: Soaked = Soaked::of(Daemon {
    name: "nbd-server",
    package: "nbd-server",
    prepare: |_| {
        write("nbd.disk", "a small disk\n")?;
        write(
            "nbd.conf",
            "[generic]\nlistenaddr = 127.0.0.1\n[one]\nexportname = /mnt/nbd.disk\n",
        )
    },
    pidfile: "nbd-server.pid",
    start: &[
        "nbd-server",
        "-C",
        "/mnt/nbd.conf",
        "-p",
        "/mnt/nbd-server.pid",
    ],
    ..Daemon::USUAL
});

const PGBOUNCER: Soaked = Soaked::of(Daemon {
    name: "pgbouncer",
    package: "pgbouncer",
    prepare: |_| {
        directory_of("nobody", "pgbouncer")?;
        write(
            "pgbouncer.ini",
            "[databases]\n\
             [pgbouncer]\n\
             logfile = /mnt/pgbouncer/log\n\
             pidfile = /mnt/pgbouncer/pid\n\
             listen_addr = 127.0.0.1\n\
             listen_port = 6432\n\
             auth_type = any\n\
             unix_socket_dir =\n",
        )
    },
    pidfile: "pgbouncer/pid",
    start: &["pgbouncer", "-d", "-u", "nobody", "/mnt/pgbouncer.ini"],
    ..Daemon::USUAL
});

const SER2NET: Soaked = Soaked::of(Daemon {
    name: "ser2net",
    package: "ser2net",
    prepare: |_| write("ser2net.yaml", "%YAML 1.1\n---\n"),
    pidfile: "ser2net.pid",
    start: &[
        "ser2net",
        "-c",
        "/mnt/ser2net.yaml",
        "-P",
        "/mnt/ser2net.pid",
    ],
    ..Daemon::USUAL
});
