//! Pidfiles on file systems that are full or cannot be written, and in directories that go, move or are mounted over while a guard
//! waits: no living file is lost, the daemon is started, what was not done is said, and the next sweep puts it right.

use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount, umount};
use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::injection::{Call, failing_itself};
use crate::answer::{Answer, ask};
use crate::guard::post::{
    Post, daemon, falls_asleep, guard, kill, kill_guards, leaves, ready, start,
};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, everybodys, file};

/// How a file system is full, and what is mounted so that it is with a pidfile.
const FULL: &[&str] = &["blocks=size=4096", "inodes=nr_inodes=2"];

const ROOMY: &str = "size=1m";

const NOTHING: Option<&str> = None;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "on_a_full_file_system_the_daemon_runs_and_what_it_leaves_is_removed",
        FULL,
        full,
    )
    .chain([
        each(
            "on_a_read_only_file_system_the_daemon_runs_and_what_stays_is_said",
            read_only,
        ),
        each(
            "what_a_guard_cannot_remove_because_its_file_system_became_read_only_the_next_sweep_does",
            becomes_read_only,
        ),
        each(
            "a_guard_whose_directory_was_removed_leaves_with_its_daemon",
            directory_removed,
        ),
        each(
            "a_guard_whose_directory_was_renamed_removes_its_own_pidfile_and_no_other",
            |scene| another_directory(scene, renamed),
        ),
        each(
            "a_guard_whose_directory_was_mounted_over_removes_its_own_pidfile_and_no_other",
            |scene| another_directory(scene, mounted_over),
        ),
        each(
            "a_guard_that_was_stopped_goes_on_with_the_next_instance",
            stopped,
        ),
    ])
}

/// Mounts a file system in a directory of the daemon's, with this option besides.
fn mounted(name: &str, option: &str) -> Checked {
    if !file(name).exists() {
        fs::create_dir(file(name)).doing("make a directory")?;
    }
    let (kind, options) = (Some("tmpfs"), format!("mode=755,{option}"));
    let options = Some(options.as_str());
    mount(kind, &file(name), kind, MsFlags::empty(), options).doing("mount")
}

fn remount(name: &str, flags: MsFlags) -> Checked {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | flags;
    mount(NOTHING, &file(name), NOTHING, flags, NOTHING).doing("mount it anew")
}

/// One that is there is told from one that was made anew.
fn daemon_in(directory: &str) -> Checked<Legacy> {
    ready(daemon(&format!(
        "make rename {directory}/x.pid say ready hear"
    )))
}

/// `run` starts the command, whatever becomes of the pidfile.
fn runs(scene: &Scene, run: &[&str]) -> Checked {
    let mut command = pidward(scene, run);
    command
        .args(["-p", "fs/x.pid", "--"])
        .arg(Scene::program(LEGACY));
    command.args(["die", "exit"]);
    Answer::of(command)?.says(7, true, "the command's own status")?;
    kill_guards()
}

fn is_swept(scene: &Scene) -> Checked {
    ask(scene, "sweep fs")?.says(0, true, "all that is stale goes")?;
    match fs::read_dir(file("fs")).doing("list it")?.count() {
        0 => Ok(()),
        _ => Err(Failure::new("something is left", evidence())),
    }
}

fn full(scene: &Scene, how: &str) -> Checked {
    let (_, options) = how.split_once('=').ok_or(how).doing("read a case")?;
    scene.clear()?;
    mounted("fs", options)?;
    let post = Post::in_directory(file("fs"), "x.pid")?;
    let daemon = daemon_in("fs")?;
    if fs::write(file("fs/more"), "x").is_ok() {
        return Err(Failure::new("the test itself", "there is room"));
    }
    let _ = fs::remove_file(file("fs/more"));
    // That there will be no record is said, and the pidfile means what it meant.
    ask(scene, "adopt fs/x.pid")?.is_refusal(1, &["fs/x.pid", "no space left"])?;
    ask(scene, "status fs/x.pid")?.is_line(0, "running", "(unverified)")?;
    kill_guards()?;
    ask(scene, "sweep fs")?.is_lines(0, &[])?;
    post.stays()?;
    runs(scene, &["run"])?;
    runs(scene, &["run", "-f"])?;
    post.stays()?;
    kill(daemon)?;
    is_swept(scene)
}

fn read_only(scene: &Scene) -> Checked {
    scene.clear()?;
    mounted("fs", ROOMY)?;
    let daemon = daemon_in("fs")?;
    remount("fs", MsFlags::MS_RDONLY)?;
    leaves(&start(guard(scene, &[], &file("fs/x.pid")))?)?;
    runs(scene, &["run"])?;
    runs(scene, &["run", "-f"])?;
    kill(daemon)?;
    let answer = ask(scene, "sweep fs")?;
    let is_told = format!("{}{}", answer.out, answer.err).contains("read-only file system");
    answer.says(1, is_told, "read-only file system")?;
    remount("fs", MsFlags::empty())?;
    is_swept(scene)
}

/// A daemon in it, and its guard that has recorded it and waits.
fn guarded_in(scene: &Scene, directory: &str) -> Checked<(Legacy, Process, Post)> {
    let post = Post::in_directory(file(directory), "x.pid")?;
    let daemon = daemon_in(directory)?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(daemon.process.pid)?;
    falls_asleep(guard.pid, 1)?;
    Ok((daemon, guard, post))
}

/// So the guard is told, when it is to move the pidfile aside.
fn becomes_read_only(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("fs")).doing("make a directory")?;
    let post = Post::in_directory(file("fs"), "x.pid")?;
    let daemon = daemon_in("fs")?;
    let guard = guard(scene, &[], &post.pidfile);
    let guard = start(failing_itself(&guard, &Call::first("renameat2"), "EROFS"))?;
    post.recorded(daemon.process.pid)?;
    kill(daemon)?;
    leaves(&guard)?;
    match post.is_there() && post.has_record() {
        true => is_swept(scene),
        false => Err(Failure::new("the test itself", evidence())),
    }
}

fn directory_removed(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("run")).doing("make a directory")?;
    let (first, guard, _) = guarded_in(scene, "run")?;
    fs::remove_dir_all(file("run")).doing("remove the directory")?;
    // As a service manager does it for the next instance.
    fs::create_dir(file("run")).doing("make it anew")?;
    let (second, another, post) = guarded_in(scene, "run")?;
    kill(first)?;
    leaves(&guard)?;
    post.stays()?;
    kill(second)?;
    post.cleared()?;
    leaves(&another)
}

/// A directory in the place of `run`; where what was there is now, if it can be reached.
type Replaces = fn() -> Checked<Option<&'static str>>;

fn renamed() -> Checked<Option<&'static str>> {
    fs::rename(file("run"), file("old")).doing("rename it")?;
    fs::create_dir(file("run")).doing("make it anew")?;
    Ok(Some("old"))
}

fn mounted_over() -> Checked<Option<&'static str>> {
    mounted("run", ROOMY)?;
    Ok(None)
}

/// The same text is in the other directory, whoever may mean what by it.
fn another_directory(scene: &Scene, replaces: Replaces) -> Checked {
    scene.clear()?;
    fs::create_dir(file("run")).doing("make a directory")?;
    everybodys(&file("run"))?;
    let (daemon, guard, _) = guarded_in(scene, "run")?;
    let text = fs::read(file("run/x.pid")).doing("read the pidfile")?;
    let away = replaces()?;
    fs::write(file("run/x.pid"), &text).doing("write another")?;
    kill(daemon)?;
    leaves(&guard)?;
    let others = fs::read(file("run/x.pid")).ok();
    if others.as_ref() != Some(&text) {
        return Err(Failure::new("another directory's file is gone", evidence()));
    }
    let was_in = away.unwrap_or("run");
    if away.is_none() {
        umount(&file("run")).doing("take the mount away")?;
    }
    let left = [
        file(was_in).join("x.pid"),
        Record::path(&file(was_in).join("x.pid")),
    ];
    match left.iter().any(|it| Path::exists(it)) {
        true => Err(Failure::new("its own is left", evidence())),
        false => Ok(()),
    }
}

fn stopped(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("run")).doing("make a directory")?;
    let (first, guard, post) = guarded_in(scene, "run")?;
    guard.signal(Signal::SIGSTOP).doing("stop the guard")?;
    kill(first)?;
    // Nobody waits for it for longer than a moment.
    ask(scene, "stop run/x.pid")?.is_line(0, "removed", "(dead)")?;
    post.is_gone()?;
    let second = daemon_in("run")?;
    ask(scene, "sweep run")?.is_lines(0, &[])?;
    guard.signal(Signal::SIGCONT).doing("let it go on")?;
    post.recorded(second.process.pid)?;
    kill(second)?;
    post.cleared()?;
    leaves(&guard)
}
