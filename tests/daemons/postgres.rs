//! PostgreSQL, started by pg_ctl as the user postgres. It opens its pidfile again and again while it starts, and looks at
//! it once a minute.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::{World, directory_of, path};

use crate::daemon::Daemon;

/// `server/` is the installed version, so that commands do not name it.
fn find_server() -> Checked {
    let installed = fs::read_dir("/usr/lib/postgresql").doing("find an installed PostgreSQL")?;
    let with_server = installed
        .flatten()
        .find(|version| version.path().join("bin/pg_ctl").exists());
    let server = with_server
        .ok_or("none")
        .doing("find an installed PostgreSQL")?;
    symlink(server.path(), path("server")).doing("link the installed PostgreSQL")
}

const SETTINGS: &str = "\
unix_socket_directories = '/mnt/data'
listen_addresses = ''
shared_buffers = 1MB
fsync = off
";

fn stock(world: &World) -> Checked<PathBuf> {
    find_server()?;
    directory_of("postgres", "data")?;
    let as_postgres = [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
    ];
    let initdb = [
        "/mnt/server/bin/initdb",
        "-D",
        "/mnt/data",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ];
    let settings = [
        "sh",
        "-c",
        "printf \"$1\" >>/mnt/data/postgresql.conf",
        "sh",
        SETTINGS,
    ];
    let archive = ["tar", "-cf", "/mnt/data.tar", "data"];
    for command in [
        &[&as_postgres[..], &initdb[..]].concat()[..],
        &settings,
        &archive,
    ] {
        let status = world.run(command, &[], Deadline::seconds(50))?;
        if status != "exited 0" {
            let said = fs::read_to_string(path("start.out")).unwrap_or_default();
            return Err(Failure::new(
                "the test itself",
                format!("{}: {status}\n{said}", command.join(" ")),
            ));
        }
    }
    Ok(path("data.tar"))
}

pub(crate) const DAEMON: Daemon = Daemon {
    name: "postgres",
    package: "postgresql-15",
    user: Some("postgres"),
    stock: Some(stock),
    prepare: |_| find_server(),
    pidfile: "data/postmaster.pid",
    start: &[
        "/mnt/server/bin/pg_ctl",
        "start",
        "-D",
        "/mnt/data",
        "-l",
        "/mnt/data/log",
    ],
    stop: Some(&["/mnt/server/bin/pg_ctl", "stop", "-D", "/mnt/data"]),
    ..Daemon::USUAL
};
