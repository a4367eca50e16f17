//! Each class and reason that one pidfile can have.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pidward_tests::failure::{Checked, Doing};

use super::{status, status_as_nobody};
use crate::guard::post::{daemon, guarded, kill, leaves, ready, with_pidfile};
use crate::promise::Promise;
use crate::run::copied;
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_recorded_daemon_is_running_verified", |scene| {
            let (daemon, _, _) = guarded(scene)?;
            let pid = daemon.process.pid;
            let begin = format!("running  {HOME}/x.pid  pid {pid} legacy, up ");
            status(scene, &["x.pid"])?.is_line(0, &begin, "(verified by pidfd handle)")
        }),
        each("it_is_so_when_its_guard_is_gone", |scene| {
            let (_daemon, guard, _) = guarded(scene)?;
            guard.signal(Signal::SIGKILL).doing("kill the guard")?;
            leaves(&guard)?;
            status(scene, &["x.pid"])?.is_line(0, "running", "(verified by pidfd handle)")
        }),
        each("a_daemon_without_a_record_is_running_unverified", |scene| {
            scene.clear()?;
            let daemon = with_pidfile()?;
            let begin = format!("running  {HOME}/x.pid  pid {} legacy", daemon.process.pid);
            status(scene, &["x.pid"])?.is_line(0, &begin, "(unverified)")
        }),
        each("a_dead_daemons_pidfile_is_stale", dead),
        each("a_zombies_pidfile_is_stale", |scene| {
            scene.clear()?;
            let daemon = with_pidfile()?;
            daemon.process.signal(Signal::SIGKILL).doing("kill it")?;
            let _ = daemon
                .process
                .dies_by(pidward_tests::deadline::Deadline::seconds(10));
            status(scene, &["x.pid"])?.is_line(1, "stale  ", "(dead)")
        }),
        each("what_is_not_there_is_missing", |scene| {
            scene.clear()?;
            for path in ["x.pid", "/nowhere/x.pid"] {
                status(scene, &[path])?.is_line(3, "missing", "(missing)")?;
            }
            Ok(())
        }),
        each("what_names_no_process_is_unknown", names_nobody),
        each("what_is_no_file_is_unknown_and_holds_nobody_up", no_file),
        each("what_one_may_not_read_is_unknown", unreadable),
    ]
    .into_iter()
}

/// With a record and without one.
fn dead(scene: &Scene) -> Checked {
    let (recorded, guard, post) = guarded(scene)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    let pid = recorded.process.pid;
    kill(recorded)?;
    let begin = format!("stale    {HOME}/x.pid  pid {pid} is no process; it was ");
    status(scene, &["x.pid"])?.is_line(1, &begin, "/legacy (dead)")?;
    fs::remove_file(pidward_tests::record::Record::path(&post.pidfile))
        .doing("remove the record")?;
    let begin = format!("stale    {HOME}/x.pid  pid {pid} is no process (dead)");
    status(scene, &["x.pid"])?.is_line(1, &begin, "(dead)")
}

fn names_nobody(scene: &Scene) -> Checked {
    scene.clear()?;
    for (text, reason) in [
        (&b""[..], "(empty)"),
        (b"\n", "(empty)"),
        (b"abc\n", "(garbled)"),
        (b"0\n", "(garbled)"),
        (b"-5\n", "(garbled)"),
        (b"99999999999999999999\n", "(garbled)"),
        (b"\0\xff\x1b[31m\n", "(garbled)"),
        (&[b'7'; 100_000], "(garbled)"),
    ] {
        write("x.pid", text)?;
        status(scene, &["x.pid"])?.is_line(4, "unknown", reason)?;
    }
    Ok(())
}

fn no_file(scene: &Scene) -> Checked {
    scene.clear()?;
    let _daemon = ready(daemon("make open real.txt say ready hear"))?;
    mkfifo(&file("fifo.pid"), Mode::S_IRWXU).doing("make a FIFO")?;
    symlink("real.txt", file("link.pid")).doing("make a link")?;
    symlink("nowhere", file("dangling.pid")).doing("make a link")?;
    let _socket = std::os::unix::net::UnixListener::bind(file("socket.pid")).doing("bind")?;
    for path in [
        "fifo.pid",
        "link.pid",
        "dangling.pid",
        "socket.pid",
        "/dev/null",
    ] {
        status(scene, &[path])?.is_line(4, "unknown", "(unreadable)")?;
    }
    Ok(())
}

fn unreadable(scene: &Scene) -> Checked {
    let copy = copied(scene)?;
    scene.clear()?;
    let _daemon = with_pidfile()?;
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(file("x.pid"), private).doing("close x.pid")?;
    status_as_nobody(&copy, &["x.pid"])?.is_line(4, "unknown", "permission denied (unreadable)")?;
    status(scene, &["x.pid"])?.is_line(0, "running", "(unverified)")
}
