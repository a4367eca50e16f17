//! busybox's cron daemon, linked statically: no preload reaches it, so without `-p` its pidfile stays as it always did.

use pidward_tests::failure::{Checked, Doing};
use pidward_tests::world::{World, path};

use crate::daemon::Daemon;

fn prepare(_: &World) -> Checked {
    std::fs::create_dir(path("crontabs")).doing("make a directory for crontabs")
}

pub(crate) const DAEMON: Daemon = Daemon {
    name: "busybox",
    package: "busybox-static",
    prepare,
    pidfile: "/run/crond.pid",
    start: &[
        "busybox",
        "crond",
        "-b",
        "-c",
        "/mnt/crontabs",
        "-L",
        "/mnt/crond.log",
    ],
    is_static: true,
    ..Daemon::USUAL
};
