//! Daemons under valgrind's memcheck, with the library preloaded into them and all that they start: memcheck finds nothing in what is
//! ours.
//!
//! The guard runs without it, and the command starts it: under valgrind there are no pidfds, without which the library starts none,
//! nor the pages of the kernel that a static program finds by its auxiliary vector.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;
use pidward_tests::watch::Watch;
use pidward_tests::world::{World, evidence, path};

use crate::daemon::Daemon;
use crate::guarded::guard_of;
use crate::inside::Order;
use crate::left::gone_within_a_second;
use crate::life::{Life, parent};
use crate::ways::{Ending, Mode};

/// Where it writes: a file a process.
const SAID: &str = "memcheck";

/// What is put before the daemon's command.
pub(crate) const VALGRIND: &[&str] = &[
    "valgrind",
    "--quiet",
    "--trace-children=yes",
    "--trace-children-skip=*/pidward-guard",
    "--leak-check=no",
    "--xml=yes",
    "--xml-file=/mnt/memcheck/%p",
];

/// Not SIGSEGV, which is a fault's for valgrind: where it only comes by kill(2), a process that waits goes on waiting.
const ENDINGS: [Ending; 3] = [Ending::Term, Ending::Abrt, Ending::Kill];

/// Those that run under valgrind without pidward, too. Not chrony, nor vsftpd's sessions: their seccomp filters end it. Not memcached,
/// whose limit of descriptors it refuses; not postgres, haproxy and supervisor, whose start takes it minutes; nor those that execute
/// sleep(1): a signal that comes while it executes a program is lost.
const DAEMONS: [&str; 7] = [
    "apache", "sshd", "nginx", "redis", "cron", "rsyslog", "dnsmasq",
];

/// They take long: only `make checked` has them.
pub(crate) fn trials(daemons: &'static [Daemon]) -> impl Iterator<Item = Trial> {
    daemons
        .iter()
        .filter(|daemon| DAEMONS.contains(&daemon.name))
        .map(|daemon| {
            let outside = move || {
                let order = Order::Memcheck {
                    daemon: daemon.name.to_owned(),
                    release: release::directory()?,
                };
                order.carry_out::<()>().map_err(Failed::from)
            };
            Trial::test(format!("memcheck::{}", daemon.name), outside).with_ignored_flag(true)
        })
}

/// Inside: ends the daemon in several ways.
pub(crate) fn check(world: &World, daemon: &Daemon) -> Checked {
    fs::create_dir(path(SAID)).doing("make a directory for memcheck")?;
    for directory in [SAID, "tmp"] {
        let of_all = Permissions::from_mode(0o1777);
        fs::set_permissions(path(directory), of_all).doing("open it to all users")?;
    }
    for ending in ENDINGS {
        let life = Life::start(world, daemon, Mode::Memcheck)?;
        let pidfile = daemon.pidfile();
        guard_of(&pidfile, &life.process)?;
        let watch = Watch::on(&[parent(&pidfile)])?;
        life.end(world, daemon, ending)?;
        if !life.process.dies_by(Deadline::seconds(30)) {
            return Err(Failure::new("does not die", evidence()));
        }
        gone_within_a_second(&watch, &pidfile)?;
        world.end_what_is_left(|_, _| false)?;
    }
    nothing_was_found()
}

fn nothing_was_found() -> Checked {
    let entries = fs::read_dir(path(SAID)).doing("read what memcheck said")?;
    // Core files have a name with a dot.
    let files = entries.flatten().map(|entry| entry.path());
    let files: Vec<PathBuf> = files.filter(|file| file.extension().is_none()).collect();
    if files.is_empty() {
        return Err(Failure::new("the test itself", "no memcheck"));
    }
    files.iter().try_for_each(|file| nothing_of_ours(file))
}

/// The stack of an error names the file that each function is in. What is ours lies below one directory.
fn nothing_of_ours(file: &Path) -> Checked {
    let said = fs::read_to_string(file).doing(file.display())?;
    let errors = said.split("<error>").skip(1);
    let mut errors = errors.map(|error| error.split("</error>").next().unwrap_or_default());
    match errors.find(|error| error.contains("<obj>/mnt/pidward/")) {
        None => Ok(()),
        Some(error) => Err(Failure::new("memcheck found an error", error)),
    }
}
