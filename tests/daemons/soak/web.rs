//! Who serves or fetches pages, and what runs behind them.

use nix::sys::signal::Signal;
use pidward_tests::world::{directory_of, write};

use super::soaked::Soaked;
use crate::daemon::{Daemon, Ready};

const REQUEST: &str = "GET / HTTP/1.0\r\n\r\n";

pub(super) const DAEMONS: &[Soaked] = &[
    LIGHTTPD, MINI_HTTPD, WEBFS, TINYPROXY, PRIVOXY, SQUID, UWSGI, GUNICORN, PHP_FPM, SPAWN_FCGI,
];

const LIGHTTPD: Soaked = Soaked::of(Daemon {
    name: "lighttpd",
    package: "lighttpd",
    prepare: |_| {
        write(
            "lighttpd.conf",
            "server.document-root = \"/mnt/tmp\"\n\
             server.bind = \"127.0.0.1\"\n\
             server.port = 8083\n\
             server.pid-file = \"/mnt/lighttpd.pid\"\n\
             server.errorlog = \"/mnt/lighttpd.log\"\n",
        )
    },
    pidfile: "lighttpd.pid",
    start: &["lighttpd", "-f", "/mnt/lighttpd.conf"],
    ready: &[Ready::Answers(8083, REQUEST)],
    ..Daemon::USUAL
})
.reloads(Signal::SIGUSR1)
.rotates("lighttpd.log", Signal::SIGHUP);

const MINI_HTTPD: Soaked = Soaked::of(Daemon {
    name: "mini_httpd",
    package: "mini-httpd",
    pidfile: "mini_httpd.pid",
    start: &[
        "mini_httpd",
        "-h",
        "127.0.0.1",
        "-p",
        "8084",
        "-d",
        "/mnt/tmp",
        "-i",
        "/mnt/mini_httpd.pid",
        "-u",
        "nobody",
    ],
    ready: &[Ready::Answers(8084, REQUEST)],
    ..Daemon::USUAL
});

const WEBFS: Soaked = Soaked::of(Daemon {
    name: "webfsd",
    package: "webfs",
    pidfile: "webfsd.pid",
    start: &[
        "webfsd",
        "-i",
        "127.0.0.1",
        "-p",
        "8085",
        "-r",
        "/mnt/tmp",
        "-k",
        "/mnt/webfsd.pid",
        "-l",
        "/mnt/webfsd.log",
    ],
    ready: &[Ready::Answers(8085, REQUEST)],
    ..Daemon::USUAL
})
.rotates("webfsd.log", Signal::SIGHUP);

const TINYPROXY: Soaked = Soaked::of(Daemon {
    name: "tinyproxy",
    package: "tinyproxy",
    prepare: |_| {
        write(
            "tinyproxy.conf",
            "Port 8086\n\
             Listen 127.0.0.1\n\
             PidFile \"/mnt/tinyproxy.pid\"\n\
             LogFile \"/mnt/tinyproxy.log\"\n",
        )
    },
    pidfile: "tinyproxy.pid",
    start: &["tinyproxy", "-c", "/mnt/tinyproxy.conf"],
    ready: &[Ready::Says("tinyproxy.log", "Accepting connections")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGUSR1)
.rotates("tinyproxy.log", Signal::SIGUSR1);

const PRIVOXY: Soaked = Soaked::of(Daemon {
    name: "privoxy",
    package: "privoxy",
    prepare: |_| {
        write(
            "privoxy.conf",
            "listen-address 127.0.0.1:8087\n\
             confdir /etc/privoxy\n\
             logdir /mnt\n\
             logfile privoxy.log\n\
             debug 4096\n",
        )
    },
    pidfile: "privoxy.pid",
    start: &[
        "privoxy",
        "--pidfile",
        "/mnt/privoxy.pid",
        "/mnt/privoxy.conf",
    ],
    ready: &[Ready::Says("privoxy.log", "Listening on port")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP);

/// Its workers are another user's, and one that ends is started anew.
const SQUID: Soaked = Soaked::of(Daemon {
    name: "squid",
    package: "squid",
    prepare: |_| {
        directory_of("proxy", "squid")?;
        write(
            "squid.conf",
            "pid_filename /mnt/squid.pid\n\
             http_port 127.0.0.1:3128\n\
             pinger_enable off\n\
             cache_log /mnt/squid/cache.log\n\
             access_log none\n\
             shutdown_lifetime 0 seconds\n",
        )
    },
    pidfile: "squid.pid",
    start: &["squid", "-f", "/mnt/squid.conf"],
    ready: &[Ready::Says("squid/cache.log", "Accepting HTTP Socket")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("squid/cache.log", Signal::SIGUSR1);

/// It reloads by executing itself. Left alone it has its pidfile written by everybody, and such a file speaks for nobody.
const UWSGI: Soaked = Soaked::of(Daemon {
    name: "uwsgi",
    package: "uwsgi-core",
    pidfile: "uwsgi.pid",
    start: &[
        "uwsgi-core",
        "--http-socket",
        "127.0.0.1:8089",
        "--master",
        "--die-on-term",
        "--umask",
        "022",
        "--daemonize",
        "/mnt/uwsgi.log",
        "--pidfile",
        "/mnt/uwsgi.pid",
    ],
    ready: &[Ready::Says("uwsgi.log", "spawned uWSGI worker")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.saying("uwsgi.log", "spawned uWSGI worker");

const GUNICORN: Soaked = Soaked::of(Daemon {
    name: "gunicorn",
    package: "gunicorn",
    prepare: |_| {
        write(
            "app.py",
            "def app(environ, start):\n    start('200 OK', [])\n    return [b'ok']\n",
        )
    },
    pidfile: "gunicorn.pid",
    start: &[
        "gunicorn",
        "-D",
        "-p",
        "/mnt/gunicorn.pid",
        "-b",
        "127.0.0.1:8090",
        "--error-logfile",
        "/mnt/gunicorn.log",
        "--chdir",
        "/mnt",
        "app:app",
    ],
    ready: &[Ready::Says("gunicorn.log", "Booting worker")],
    ..Daemon::USUAL
})
.reloads(Signal::SIGHUP)
.rotates("gunicorn.log", Signal::SIGUSR1);

/// Its program has its version in its name. A reload makes it another process, which is none of this test's stories.
const PHP_FPM: Soaked = Soaked::of(Daemon {
    name: "php-fpm",
    package: "php-fpm",
    prepare: |_| {
        write(
            "php-fpm.conf",
            "[global]\n\
             pid = /mnt/php-fpm.pid\n\
             error_log = /mnt/php-fpm.log\n\
             [www]\n\
             user = nobody\n\
             group = nogroup\n\
             listen = 127.0.0.1:9000\n\
             pm = static\n\
             pm.max_children = 1\n",
        )
    },
    pidfile: "php-fpm.pid",
    start: &[
        "sh",
        "-c",
        "exec /usr/sbin/php-fpm[0-9]* -y /mnt/php-fpm.conf -d opcache.lockfile_path=/mnt/tmp",
    ],
    ready: &[Ready::Says("php-fpm.log", "ready to handle connections")],
    ..Daemon::USUAL
})
.rotates("php-fpm.log", Signal::SIGUSR1);

/// Another process than the daemon writes the pidfile, before the daemon's program has begun.
const SPAWN_FCGI: Soaked = Soaked::of(Daemon {
    name: "spawn-fcgi",
    package: "spawn-fcgi",
    pidfile: "spawn-fcgi.pid",
    start: &[
        "spawn-fcgi",
        "-a",
        "127.0.0.1",
        "-p",
        "9001",
        "-P",
        "/mnt/spawn-fcgi.pid",
        "--",
        "/bin/sleep",
        "1000",
    ],
    ..Daemon::USUAL
});
