//! supervisor: a daemon in Python, with a child that it looks after.

use pidward_tests::world::write;

use crate::daemon::{Daemon, Ready};

const CONFIGURATION: &str = "\
[unix_http_server]
file=/mnt/supervisor.sock
[supervisord]
user=root
pidfile=/mnt/supervisord.pid
logfile=/mnt/supervisord.log
childlogdir=/mnt
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///mnt/supervisor.sock
[program:child]
command=sh -c \"echo running >/mnt/child.out; exec sleep 1000\"
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "supervisor",
    package: "supervisor",
    prepare: |_| write("supervisord.conf", CONFIGURATION),
    pidfile: "supervisord.pid",
    start: &["supervisord", "-c", "/mnt/supervisord.conf"],
    // A child that is asked to end before it is itself is waited for in vain.
    ready: &[
        Ready::Says("supervisord.log", "supervisord started with pid"),
        Ready::Says("child.out", "running"),
    ],
    stop: Some(&["supervisorctl", "-c", "/mnt/supervisord.conf", "shutdown"]),
    ..Daemon::USUAL
};
