//! dnsmasq: it becomes nobody, who can no longer remove the pidfile. Its start command ends when the daemon is ready.

use pidward_tests::world::write;

use crate::daemon::Daemon;

const CONFIGURATION: &str = "\
user=nobody
pid-file=/mnt/dnsmasq.pid
port=5353
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "dnsmasq",
    package: "dnsmasq",
    prepare: |_| write("dnsmasq.conf", CONFIGURATION),
    pidfile: "dnsmasq.pid",
    start: &["dnsmasq", "--conf-file=/mnt/dnsmasq.conf"],
    ..Daemon::USUAL
};
