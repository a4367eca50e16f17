//! chrony, as a server that leaves the clock alone. It writes its pidfile as root, becomes another user and sets a seccomp
//! filter, through libseccomp: level 1, Debian's default, in which a system call that it does not make itself kills it.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use pidward_tests::failure::{Checked, Doing};
use pidward_tests::world::{World, directory_of, write};

use crate::daemon::{Daemon, Ready};
use crate::ways::Mode;

const CONFIGURATION: &str = "\
local stratum 8
allow 127.0.0.1
driftfile /mnt/chrony.drift
";

const PIDFILE: &str = "/run/chrony/chronyd.pid";

fn prepare(_: &World) -> Checked {
    directory_of("_chrony", "/run/chrony")?;
    let of_user_and_group = Permissions::from_mode(0o750);
    set_permissions("/run/chrony", of_user_and_group).doing("close /run/chrony to others")?;
    write("chrony.conf", CONFIGURATION)
}

pub(crate) const DAEMON: Daemon = Daemon {
    name: "chrony",
    package: "chrony",
    prepare,
    pidfile: PIDFILE,
    start: &["chronyd", "-F", "1", "-x", "-f", "/mnt/chrony.conf"],
    ready: &[
        Ready::Succeeds(&["chronyc", "-h", "127.0.0.1", "tracking"]),
        Ready::Filtered(PIDFILE),
    ],
    stop: Some(&["chronyc", "-h", "/run/chrony/chronyd.sock", "shutdown"]),
    modes: &Mode::ALL,
    ..Daemon::USUAL
};
