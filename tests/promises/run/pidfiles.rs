//! The pidfiles named with `-p`: swept before the start, guarded from then on.

use std::fs;
use std::os::unix::process::CommandExt;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::world::{directory_of, path};

use super::{copied, installed, pidward, says};
use crate::guard::post::{Post, daemon, falls_asleep, kill, leaves, ready};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::{Scene, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "a_stale_pidfile_is_removed_before_the_command_starts",
            stale,
        ),
        each("a_living_daemons_pidfile_stays", living),
        each("a_pidfile_that_proves_nothing_stays", unknown),
        each("each_named_pidfile_is_guarded", two),
        each("a_pidfile_may_be_named_by_a_relative_path", relative),
        each("a_user_who_is_not_root_has_guards_too", as_nobody),
        each("a_static_program_is_guarded", static_program),
    ]
    .into_iter()
}

/// A number that nobody has any more.
fn dead_pid() -> Checked<i32> {
    let daemon = ready(daemon("say ready hear"))?;
    let pid = daemon.process.pid;
    kill(daemon)?;
    Ok(pid)
}

fn stale(scene: &Scene) -> Checked {
    scene.clear()?;
    let pid = dead_pid()?;
    write("x.pid", format!("{pid}\n"))?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--", "sh", "-c"]);
    command.arg("test -e x.pid && exit 1; exit 7");
    let parts = [
        "pidward: removed /mnt/daemon/x.pid: ",
        &format!("pid {pid}"),
        "(dead)",
    ];
    says(command, 7, 1, &parts).map(drop)
}

/// It stays under its guard's eyes, who is not disturbed; a second instance gives up by itself.
fn living(scene: &Scene) -> Checked {
    let (daemon, guard, post) = crate::guard::post::guarded(scene)?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--", "sh", "-c"]);
    command.arg("test -e x.pid && exit 7");
    says(command, 7, 0, &[])?;
    post.recorded(daemon.process.pid)?;
    if guard.is_dead() {
        return Err(Failure::new("its guard is gone", ""));
    }
    kill(daemon)?;
    post.cleared()
}

fn unknown(scene: &Scene) -> Checked {
    for text in ["", "\n", "abc\n", "0\n", "-1\n", "99999999999\n", "12 34\n"] {
        scene.clear()?;
        write("x.pid", text)?;
        let mut command = pidward(scene, &["run", "-p", "x.pid", "--", "sh", "-c"]);
        command.arg("test -e x.pid && exit 7");
        says(command, 7, 0, &[])?;
    }
    Ok(())
}

fn two(scene: &Scene) -> Checked {
    scene.clear()?;
    let (first, second) = (Post::at("x.pid")?, Post::at("y.lock")?);
    let mut command = pidward(
        scene,
        &["run", "-p", "x.pid", "-p", "y.lock", "--no-preload", "--"],
    );
    command.arg(Scene::program(LEGACY));
    command.args("make open x.pid make rename y.lock say ready hear".split(' '));
    let daemon = ready(command)?;
    let guards = [
        first.recorded(daemon.process.pid)?,
        second.recorded(daemon.process.pid)?,
    ];
    kill(daemon)?;
    first.cleared()?;
    second.cleared()?;
    guards.iter().try_for_each(leaves)
}

fn relative(scene: &Scene) -> Checked {
    for path in ["x.pid", "./x.pid", "../daemon/x.pid"] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let mut command = pidward(scene, &["run", "-p", path, "--no-preload", "--"]);
        command.arg(Scene::program(LEGACY));
        command.args("make open x.pid chdir / say ready hear".split(' '));
        let daemon = ready(command)?;
        post.recorded(daemon.process.pid)?;
        kill(daemon)?;
        post.cleared()?;
    }
    Ok(())
}

fn as_nobody(scene: &Scene) -> Checked {
    let copy = copied(scene)?;
    directory_of("nobody", "own")?;
    for options in [&["--no-preload", "--"][..], &["--"]] {
        scene.clear()?;
        let post = Post::in_directory(path("own"), "x.pid")?;
        let mut command = installed(&copy, &["run", "-p", "/mnt/own/x.pid"]);
        command.args(options).arg(Scene::program(LEGACY));
        command.args("make open /mnt/own/x.pid say ready hear".split(' '));
        command
            .uid(65534)
            .gid(65534)
            .env("XDG_STATE_HOME", path("own/state"));
        let daemon = ready(command)?;
        let guard = post.recorded(daemon.process.pid)?;
        // The link comes after the record.
        falls_asleep(guard.pid, 1)?;
        let owner = Record::path(&post.pidfile)
            .metadata()
            .doing("look at the record")?;
        let links = fs::read_dir(path("own/state/pidward/known"))
            .doing("list the links")?
            .count();
        if std::os::unix::fs::MetadataExt::uid(&owner) != 65534 || links != 1 {
            return Err(Failure::new(
                "not nobody's",
                format!("{owner:?}, {links} links"),
            ));
        }
        kill(daemon)?;
        post.cleared()?;
        leaves(&guard)?;
    }
    Ok(())
}

/// No preload reaches it: the guard does the work.
fn static_program(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--", "busybox", "sh", "-c"]);
    command.arg("echo $$ >x.pid; echo ready; read line");
    let daemon = ready(command)?;
    let maps = fs::read_to_string(format!("/proc/{}/maps", daemon.process.pid));
    if maps
        .doing("look what it has loaded")?
        .contains("libpidward")
    {
        return Err(Failure::new("the test itself", "busybox is not static"));
    }
    let guard = post.recorded(daemon.process.pid)?;
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}
