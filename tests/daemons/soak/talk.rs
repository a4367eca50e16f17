//! Who passes on what people and programs say.

use nix::sys::signal::Signal;
use pidward_tests::world::{directory_of, write};

use super::soaked::Soaked;
use crate::daemon::{Daemon, Ready};

pub(super) const DAEMONS: &[Soaked] = &[
    EXIM, DOVECOT, OPENDKIM, INSPIRCD, MOSQUITTO, PROSODY, ICECAST, DBUS,
];

/// A child of the first process, which commands are here, would stay in the foreground.
const EXIM: Soaked = Soaked::of(Daemon {
    name: "exim",
    package: "exim4-daemon-light",
    prepare: |_| {
        directory_of("Debian-exim", "exim")?;
        write(
            "exim.conf",
            "spool_directory = /mnt/exim\n\
             log_file_path = /mnt/exim/%slog\n\
             pid_file_path = /mnt/exim.pid\n\
             local_interfaces = 127.0.0.1\n\
             daemon_smtp_ports = 2525\n\
             primary_hostname = localhost\n\
             disable_ipv6\n\
             keep_environment =\n\
             acl_smtp_rcpt = nobody\n\
             begin acl\n\
             nobody:\n  deny\n",
        )
    },
    pidfile: "exim.pid",
    start: &["sh", "-c", "exim4 -C /mnt/exim.conf -bd; exit $?"],
    ready: &[Ready::Answers(2525, "QUIT\r\n")],
    ..Daemon::USUAL
});

const DOVECOT: Soaked = Soaked::of(Daemon {
    name: "dovecot",
    package: "dovecot-core",
    prepare: |_| {
        directory_of("root", "dovecot")?;
        write(
            "dovecot.conf",
            "protocols =\n\
             base_dir = /mnt/dovecot\n\
             state_dir = /mnt/dovecot\n\
             log_path = /mnt/dovecot.log\n\
             ssl = no\n",
        )
    },
    pidfile: "dovecot/master.pid",
    start: &["dovecot", "-c", "/mnt/dovecot.conf"],
    ready: &[Ready::Says("dovecot.log", "starting up")],
    stop: Some(&["dovecot", "-c", "/mnt/dovecot.conf", "stop"]),
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("dovecot.log", Signal::SIGUSR1);

const OPENDKIM: Soaked = Soaked::of(Daemon {
    name: "opendkim",
    package: "opendkim",
    prepare: |_| {
        write(
            "opendkim.conf",
            "Mode v\n\
             Socket inet:8891@127.0.0.1\n\
             PidFile /mnt/opendkim.pid\n\
             Background yes\n\
             TemporaryDirectory /mnt/tmp\n",
        )
    },
    pidfile: "opendkim.pid",
    start: &["opendkim", "-x", "/mnt/opendkim.conf"],
    ..Daemon::USUAL
});

const INSPIRCD: Soaked = Soaked::of(Daemon {
    name: "inspircd",
    package: "inspircd",
    prepare: |_| {
        write(
            "inspircd.conf",
            "<server name=\"irc.example.net\" description=\"soaked\" network=\"soaked\">\n\
             <admin name=\"admin\" nick=\"admin\" email=\"admin@example.net\">\n\
             <bind address=\"127.0.0.1\" port=\"6668\" type=\"clients\">\n\
             <connect allow=\"*\">\n\
             <pid file=\"/mnt/inspircd.pid\">\n\
             <log method=\"file\" type=\"*\" level=\"default\" target=\"/mnt/inspircd.log\">\n\
             <files motd=\"/dev/null\">\n",
        )
    },
    pidfile: "inspircd.pid",
    start: &["inspircd", "--config=/mnt/inspircd.conf", "--runasroot"],
    ready: &[Ready::Says("inspircd.log", "core_reloadmodule")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP);

const MOSQUITTO: Soaked = Soaked::of(Daemon {
    name: "mosquitto",
    package: "mosquitto",
    prepare: |_| {
        write(
            "mosquitto.conf",
            "listener 1883 127.0.0.1\n\
             pid_file /mnt/mosquitto.pid\n\
             log_dest file /mnt/mosquitto.log\n\
             user root\n",
        )
    },
    pidfile: "mosquitto.pid",
    start: &["mosquitto", "-d", "-c", "/mnt/mosquitto.conf"],
    ready: &[Ready::Says("mosquitto.log", "running")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("mosquitto.log", Signal::SIGHUP);

/// It is written in Lua, and locks its pidfile. As a child of the first process it would stay in the foreground, too.
const PROSODY: Soaked = Soaked::of(Daemon {
    name: "prosody",
    package: "prosody",
    prepare: |_| {
        write(
            "prosody.cfg.lua",
            "run_as_root = true\n\
             daemonize = true\n\
             pidfile = \"/mnt/prosody.pid\"\n\
             data_path = \"/mnt/tmp\"\n\
             log = { info = \"/mnt/prosody.log\" }\n\
             interfaces = { \"127.0.0.1\" }\n\
             modules_disabled = { \"s2s\" }\n\
             VirtualHost \"localhost\"\n",
        )
    },
    pidfile: "prosody.pid",
    start: &["sh", "-c", "prosody --config /mnt/prosody.cfg.lua; exit $?"],
    ready: &[Ready::Says("prosody.log", "Successfully daemonized")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("prosody.log", Signal::SIGHUP);

/// It becomes another user before it writes its pidfile.
const ICECAST: Soaked = Soaked::of(Daemon {
    name: "icecast",
    package: "icecast2",
    prepare: |_| {
        directory_of("nobody", "icecast")?;
        write(
            "icecast.xml",
            "<icecast>\n\
             <hostname>localhost</hostname>\n\
             <authentication>\n\
             <source-password>secret</source-password>\n\
             <admin-password>secret</admin-password>\n\
             </authentication>\n\
             <listen-socket><port>8094</port><bind-address>127.0.0.1</bind-address></listen-socket>\n\
             <paths>\n\
             <logdir>/mnt/icecast</logdir>\n\
             <webroot>/mnt/tmp</webroot>\n\
             <adminroot>/mnt/tmp</adminroot>\n\
             <pidfile>/mnt/icecast/icecast.pid</pidfile>\n\
             </paths>\n\
             <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog></logging>\n\
             <security><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>\n\
             </icecast>\n",
        )
    },
    pidfile: "icecast/icecast.pid",
    start: &["icecast2", "-b", "-c", "/mnt/icecast.xml"],
    ready: &[Ready::Answers(8094, "GET / HTTP/1.0\r\n\r\n")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP);

/// It refuses to start while there is a pidfile, whatever it says.
const DBUS: Soaked = Soaked::of(Daemon {
    name: "dbus-daemon",
    package: "dbus-daemon",
    prepare: |_| {
        write(
            "dbus.conf",
            "<busconfig>\n\
             <type>session</type>\n\
             <listen>unix:path=/mnt/bus</listen>\n\
             <pidfile>/mnt/dbus.pid</pidfile>\n\
             <fork/>\n\
             </busconfig>\n",
        )
    },
    pidfile: "dbus.pid",
    start: &["dbus-daemon", "--config-file=/mnt/dbus.conf"],
    ..Daemon::USUAL
});
