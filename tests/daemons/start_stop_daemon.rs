//! A program that knows nothing of pidfiles, started by start-stop-daemon, which writes one and becomes the program.

use crate::daemon::{Daemon, Ready};

/// Says when it runs: start-stop-daemon ends before that.
const PROGRAM: &str = "echo running >/mnt/ready; exec sleep 1000";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "start-stop-daemon",
    package: "dpkg",
    pidfile: "program.pid",
    start: &[
        "start-stop-daemon",
        "--start",
        "--background",
        "--make-pidfile",
        "--pidfile",
        "/mnt/program.pid",
        "--startas",
        "/bin/sh",
        "--",
        "-c",
        PROGRAM,
    ],
    ready: &[Ready::Says("ready", "running")],
    stop: Some(&[
        "start-stop-daemon",
        "--stop",
        "--retry",
        "10",
        "--pidfile",
        "/mnt/program.pid",
    ]),
    ..Daemon::USUAL
};
