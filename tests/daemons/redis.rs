//! Redis, daemonizing. Its children, which save the data, end all the time: one has before the daemon does. Its crash
//! handlers have SA_RESETHAND and raise the signal again. The memory test in them is off: now and then it crashes itself,
//! with pidward and without.

use pidward_tests::world::write;

use crate::daemon::{Daemon, Ready};

const CONFIGURATION: &str = "\
bind 127.0.0.1
port 6379
dir /mnt
pidfile /mnt/redis.pid
logfile /mnt/redis.log
save \"\"
crash-memcheck-enabled no
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "redis",
    package: "redis-server",
    prepare: |_| write("redis.conf", CONFIGURATION),
    pidfile: "redis.pid",
    start: &["redis-server", "/mnt/redis.conf", "--daemonize", "yes"],
    ready: &[
        Ready::Says("redis.log", "Ready to accept connections"),
        Ready::Succeeds(&["redis-cli", "bgsave"]),
        Ready::Says("redis.log", "Background saving terminated with success"),
    ],
    stop: Some(&["redis-cli", "shutdown", "nosave"]),
    ..Daemon::USUAL
};
