//! The daemons of these tests: how each is started in the foreground of a container, and what it says when it will not.

use std::fs;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing};

/// A daemon.
pub(crate) struct Daemon {
    /// What its process is called.
    pub(crate) comm: &'static str,
    pub(crate) pidfile: &'static str,
    /// Other files that hold its number, and keep it from starting.
    pub(crate) others: &'static [&'static str],
    pub(crate) start: &'static [&'static str],
    /// Why it does not start, in its own words; `{}` is the old number.
    pub(crate) refuses: &'static str,
    /// It runs as this user.
    pub(crate) user: Option<&'static str>,
}

const USUAL: Daemon = Daemon {
    comm: "",
    pidfile: "",
    others: &[],
    start: &[],
    refuses: "",
    user: None,
};

/// All of them.
pub(crate) static DAEMONS: [Daemon; 7] = [
    Daemon {
        comm: "apache2",
        pidfile: "/run/httpd.pid",
        start: &[
            "apache2",
            "-f",
            "/etc/daemons/apache.conf",
            "-k",
            "start",
            "-DFOREGROUND",
        ],
        refuses: "httpd (pid {}) already running",
        ..USUAL
    },
    Daemon {
        comm: "rsyslogd",
        pidfile: "/run/rsyslogd.pid",
        start: &[
            "rsyslogd",
            "-n",
            "-f",
            "/etc/daemons/rsyslog.conf",
            "-i",
            "/run/rsyslogd.pid",
        ],
        refuses: "pidfile '/run/rsyslogd.pid' and pid",
        ..USUAL
    },
    Daemon {
        comm: "dbus-daemon",
        pidfile: "/run/dbus.pid",
        start: &[
            "dbus-daemon",
            "--config-file=/etc/daemons/dbus.conf",
            "--nofork",
        ],
        refuses: "The pid file \"/run/dbus.pid\" exists, if the message bus is not running, remove this file",
        ..USUAL
    },
    Daemon {
        comm: "squid",
        pidfile: "/run/squid.pid",
        start: &["squid", "-N", "-f", "/etc/daemons/squid.conf"],
        refuses: "Squid is already running: Found fresh instance PID file (/run/squid.pid) with PID {}",
        ..USUAL
    },
    Daemon {
        comm: "dovecot",
        pidfile: "/run/dovecot/master.pid",
        start: &["dovecot", "-F", "-c", "/etc/daemons/dovecot.conf"],
        refuses: "Dovecot is already running with PID {} (read from /run/dovecot/master.pid)",
        ..USUAL
    },
    Daemon {
        comm: "gunicorn",
        pidfile: "/run/gunicorn.pid",
        start: &[
            "gunicorn",
            "-p",
            "/run/gunicorn.pid",
            "-b",
            "127.0.0.1:8000",
            "--chdir",
            "/etc/daemons",
            "app:app",
        ],
        refuses: "Already running on PID {} (or pid file '/run/gunicorn.pid' is stale)",
        ..USUAL
    },
    POSTGRES,
];

/// It shuts down when its pidfile vanishes.
pub(crate) const POSTGRES: Daemon = Daemon {
    comm: "postgres",
    pidfile: "/srv/data/postmaster.pid",
    others: &["/tmp/.s.PGSQL.5432.lock"],
    start: &[
        "/usr/lib/postgresql/15/bin/postgres",
        "-D",
        "/srv/data",
        "-c",
        "listen_addresses=",
        "-c",
        "unix_socket_directories=/tmp",
        "-c",
        "fsync=off",
    ],
    refuses: "Is another postmaster (PID {}) running in data directory \"/srv/data\"?",
    user: Some("postgres"),
};

/// The entrypoint. Where a pidfile is left, processes are started until one has the number in it; before the first
/// start, numbers are used up, so that it is a higher one than any of the shell's.
const ENTRYPOINT: &str = "\
pidfile=$1
shift
case $pidfile in
/srv/data/*) [ -e /srv/data ] || /usr/lib/postgresql/15/bin/initdb -N -A trust -D /srv/data >/dev/null ;;
esac
old=$(head -n 1 \"$pidfile\" 2>/dev/null)
if [ -z \"$old\" ]; then
    i=0
    while [ $i -lt 20 ]; do i=$((i + 1)); /bin/true; done
fi
while [ -n \"$old\" ] && ! kill -0 \"$old\" 2>/dev/null; do sleep 1000 & done
\"$@\"
exit $?
";

/// Writes their configurations.
pub(crate) fn write(directory: &Path) -> Checked {
    for (name, text) in [
        ("entrypoint", ENTRYPOINT),
        (
            "apache.conf",
            "ServerRoot /run\nServerName localhost\nDefaultRuntimeDir /run\nPidFile /run/httpd.pid\n\
             ErrorLog /dev/stderr\nListen 127.0.0.1:8080\n\
             LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
             LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
             User www-data\nGroup www-data\n",
        ),
        (
            "rsyslog.conf",
            "module(load=\"imuxsock\")\n*.* /var/log/all\n",
        ),
        (
            "dbus.conf",
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><type>system</type><pidfile>/run/dbus.pid</pidfile>\n\
             <listen>unix:path=/run/bus</listen><auth>EXTERNAL</auth>\n\
             <policy context=\"default\"><allow send_destination=\"*\"/></policy></busconfig>\n",
        ),
        (
            "squid.conf",
            "pid_filename /run/squid.pid\nhttp_port 127.0.0.1:3128\npinger_enable off\n\
             cache_log /dev/stderr\naccess_log none\ncoredump_dir /run\n",
        ),
        (
            "dovecot.conf",
            "protocols =\nbase_dir = /run/dovecot\nstate_dir = /run/dovecot\n\
             log_path = /dev/stderr\nssl = no\n",
        ),
        (
            "app.py",
            "def app(environ, start):\n    start('200 OK', [])\n    return [b'ok']\n",
        ),
    ] {
        fs::write(directory.join(name), text).doing(name)?;
    }
    Ok(())
}
