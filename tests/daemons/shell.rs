//! A shell script that starts a child, writes `$!` and ends.

use pidward_tests::world::write;

use crate::daemon::Daemon;

const SCRIPT: &str = "\
sleep 1000 &
echo $! >/mnt/child.pid
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "shell",
    package: "dash",
    prepare: |_| write("daemon.sh", SCRIPT),
    pidfile: "child.pid",
    start: &["dash", "/mnt/daemon.sh"],
    ..Daemon::USUAL
};
