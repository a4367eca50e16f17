//! HAProxy: the parent writes its child's PID and exits. When the child dies, a chroot and the user nobody keep it from
//! the pidfile.

use pidward_tests::failure::{Checked, Doing};
use pidward_tests::world::{World, path, write};

use crate::daemon::{Daemon, Ready};

const CONFIGURATION: &str = "\
global
    pidfile /mnt/haproxy.pid
    chroot /mnt/empty
    user nobody
    group nogroup
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend all
    bind 127.0.0.1:8082
    http-request return status 200
";

fn prepare(_: &World) -> Checked {
    std::fs::create_dir(path("empty")).doing("make a directory for chroot")?;
    write("haproxy.cfg", CONFIGURATION)
}

pub(crate) const DAEMON: Daemon = Daemon {
    name: "haproxy",
    package: "haproxy",
    prepare,
    pidfile: "haproxy.pid",
    start: &["haproxy", "-D", "-f", "/mnt/haproxy.cfg"],
    ready: &[Ready::Answers(8082, "GET / HTTP/1.0\r\n\r\n")],
    ..Daemon::USUAL
};
