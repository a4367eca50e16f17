//! OpenSSH's server. It executes itself again for every connection: a child with the same program and environment.

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing};
use pidward_tests::world::{World, write};

use crate::daemon::{Daemon, Ready};

const CONFIGURATION: &str = "\
Port 2222
ListenAddress 127.0.0.1
HostKey /mnt/host_key
PidFile /mnt/sshd.pid
UsePAM no
";

fn prepare(world: &World) -> Checked {
    write("sshd_config", CONFIGURATION)?;
    std::fs::create_dir("/run/sshd").doing("make /run/sshd")?;
    let keygen = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-f",
        "/mnt/host_key",
    ];
    world.run(&keygen, &[], Deadline::seconds(15)).map(|_| ())
}

pub(crate) const DAEMON: Daemon = Daemon {
    name: "sshd",
    package: "openssh-server",
    prepare,
    pidfile: "sshd.pid",
    start: &["/usr/sbin/sshd", "-f", "/mnt/sshd_config"],
    ready: &[Ready::Answers(2222, "")],
    ..Daemon::USUAL
};
