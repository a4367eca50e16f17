//! A shell script that starts a child, writes `$!` and ends.

use pidward_tests::world::write;

use crate::daemon::{Daemon, Ready};

/// The child says when it runs: only then does it ignore SIGINT, as what a shell starts with `&` does.
const SCRIPT: &str = "\
sh -c 'echo running >/mnt/ready; exec sleep 1000' &
echo $! >/mnt/child.pid
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "shell",
    package: "dash",
    prepare: |_| write("daemon.sh", SCRIPT),
    pidfile: "child.pid",
    start: &["dash", "/mnt/daemon.sh"],
    ready: &[Ready::Says("ready", "running")],
    ..Daemon::USUAL
};
