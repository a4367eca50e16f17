//! rsyslog, which writes its pidfile by rename.

use pidward_tests::world::write;

use crate::daemon::{Daemon, Ready};

const CONFIGURATION: &str = "\
global(workDirectory=\"/mnt\" processInternalMessages=\"on\")
module(load=\"imtcp\")
input(type=\"imtcp\" address=\"127.0.0.1\" port=\"10514\")
action(type=\"omfile\" file=\"/mnt/rsyslog.log\")
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "rsyslog",
    package: "rsyslog",
    prepare: |_| write("rsyslog.conf", CONFIGURATION),
    pidfile: "rsyslogd.pid",
    start: &[
        "rsyslogd",
        "-f",
        "/mnt/rsyslog.conf",
        "-i",
        "/mnt/rsyslogd.pid",
    ],
    ready: &[Ready::Says("rsyslog.log", "] start")],
    ..Daemon::USUAL
};
