//! memcached as nobody, who writes the pidfile by rename into a directory of its own.

use pidward_tests::world::directory_of;

use crate::daemon::{Daemon, Ready};

pub(crate) const DAEMON: Daemon = Daemon {
    name: "memcached",
    package: "memcached",
    prepare: |_| directory_of("nobody", "memcached"),
    pidfile: "memcached/memcached.pid",
    start: &[
        "memcached",
        "-d",
        "-u",
        "nobody",
        "-l",
        "127.0.0.1",
        "-P",
        "/mnt/memcached/memcached.pid",
    ],
    ready: &[Ready::Answers(11211, "version\r\n")],
    ..Daemon::USUAL
};
