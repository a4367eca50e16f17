//! cron. It locks its pidfile, whose name is compiled in. It runs none of the machine's jobs here.

use pidward_tests::failure::Checked;
use pidward_tests::namespace::{cover, cover_file};
use pidward_tests::world::World;

use crate::daemon::Daemon;

fn prepare(_: &World) -> Checked {
    cover("/etc/cron.d")?;
    cover("/var/spool/cron")?;
    cover_file("/etc/crontab")
}

pub(crate) const DAEMON: Daemon = Daemon {
    name: "cron",
    package: "cron",
    prepare,
    pidfile: "/run/crond.pid",
    start: &["cron"],
    ..Daemon::USUAL
};
