//! Pidfiles on other file systems than the tmpfs of all other promises: those whose files have another device than the kernel's
//! tables say, whose files become others when they are changed, and one that a program makes.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::cover;
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::{evidence, owner, path};

use crate::answer::ask;
use crate::compare::bare;
use crate::disk::{disk, succeeds};
use crate::guard::log::{line, log};
use crate::guard::post::{Post, daemon, guard, kill, kill_guards, leaves, ready, start};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

const KINDS: &[&str] = &["btrfs", "xfs", "overlay", "bindfs", "bind"];

/// How a daemon comes to be looked after: options of pidward's, or the library alone.
const WAYS: [&[&str]; 3] = [
    &[],
    &["run", "-p", "disk/fs/x.pid", "--"],
    &["run", "-f", "-p", "disk/fs/x.pid", "--"],
];

const DEATHS: [Signal; 3] = [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGTERM];

/// A pidfile of nobody's.
const NOBODY: &str = "2147483647\n";

const STATUS: &str = "status disk/fs/x.pid";

const SWEEP: &str = "sweep disk/fs/x.pid";

const VERIFIED: &str = "(verified by pidfd handle)";

const MAKES: &str = "make open disk/fs/x.pid say ready hear";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name, check| Promise::each(name, KINDS, check);
    let layer = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    each(
        "on_any_file_system_a_daemon_dies_as_it_would_and_its_pidfile_goes",
        dies,
    )
    .chain(each(
        "on_any_file_system_a_new_instances_pidfile_survives_the_old_one",
        restarts,
    ))
    .chain(each(
        "on_any_file_system_each_command_knows_the_living_from_the_dead",
        commands,
    ))
    .chain(each(
        "on_any_file_system_a_pidfile_stays_while_a_reader_locks_it",
        locked,
    ))
    .chain([
        layer(
            "a_sweep_removes_the_dead_pidfile_that_an_images_layer_brought",
            of_an_image,
        ),
        layer(
            "a_pidfile_that_becomes_another_file_when_it_is_moved_goes_at_once",
            becomes_another,
        ),
        layer(
            "a_guard_whose_file_system_has_lost_its_program_leaves_with_its_daemon",
            lost,
        ),
    ])
}

/// A directory on a file system of this kind, with x.pid in it that names nobody; on an overlay, in the lower layer.
fn laid(scene: &Scene, kind: &str) -> Checked<Post> {
    scene.clear()?;
    scene.without_cores()?;
    match kind {
        "btrfs" => {
            disk(kind, "disk")?;
            let subvolume = file("disk/fs");
            succeeds(&[
                "/bin/btrfs",
                "subvolume",
                "create",
                &subvolume.to_string_lossy(),
            ])?;
        }
        "xfs" => disk(kind, "disk")?,
        "overlay" => overlay(&[])?,
        "bindfs" => seen_through(&["/usr/bin/bindfs"])?,
        "bind" => seen_through(&["/bin/mount", "--bind"])?,
        unknown => return Err(Failure::new("the test itself", unknown)),
    }
    if !file("disk/fs").exists() {
        fs::create_dir(file("disk/fs")).doing("make a directory")?;
    }
    if kind != "overlay" {
        fs::write(file("disk/fs/x.pid"), NOBODY).doing("write x.pid")?;
    }
    Post::in_directory(file("disk/fs"), "x.pid")
}

/// A directory that is seen in another one, by what this command does.
fn seen_through(command: &[&str]) -> Checked {
    for name in ["under", "disk"] {
        fs::create_dir(file(name)).doing("make a directory")?;
    }
    let [under, disk] = ["under", "disk"].map(|name| file(name).to_string_lossy().into_owned());
    succeeds(&[command, &[under.as_str(), disk.as_str()]].concat())
}

/// Its layers are on two file systems, as a container's image and its own files are. The file has these names besides.
fn overlay(others: &[&str]) -> Checked {
    for name in ["lower", "upper", "disk"] {
        fs::create_dir(file(name)).doing("make a directory")?;
    }
    for layer in ["lower", "upper"] {
        cover(file(layer))?;
    }
    for name in ["lower/fs", "upper/files", "upper/work"] {
        fs::create_dir(file(name)).doing("make a directory")?;
    }
    fs::write(file("lower/fs/x.pid"), NOBODY).doing("write x.pid")?;
    for name in others {
        fs::hard_link(file("lower/fs/x.pid"), file("lower/fs").join(name)).doing("link it")?;
    }
    let path = |name| file(name).to_string_lossy().into_owned();
    let [lower, upper, work] = ["lower", "upper/files", "upper/work"].map(path);
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let (kind, options) = (Some("overlay"), Some(options.as_str()));
    mount(kind, &file("disk"), kind, MsFlags::empty(), options).doing("mount the layers")
}

fn dies(scene: &Scene, kind: &str) -> Checked {
    let post = laid(scene, kind)?;
    for (way, death) in WAYS
        .iter()
        .flat_map(|way| DEATHS.map(|death| (*way, death)))
    {
        let mut command = match way {
            [] => daemon(MAKES),
            options => pidward(scene, options),
        };
        if way.is_empty() {
            command.env("LD_PRELOAD", scene.release.join("libpidward.so"));
        } else {
            command.arg(Scene::program(LEGACY)).args(MAKES.split(' '));
        }
        let started = ready(command)?;
        let living = post.until("named", || owner(&post.pidfile))?;
        post.recorded(living.pid)?;
        ask(scene, STATUS)?.is_line(0, "running", VERIFIED)?;
        living.signal(death).doing("signal it")?;
        let ended = started.end()?;
        let of_foreground = ended.status.code().map(|code| code - 128);
        if ended.status.signal().or(of_foreground) != Some(death as i32) {
            let what = format!("another end by {death}, {way:?}");
            return Err(Failure::new(what, format!("{ended:#?}")));
        }
        post.cleared()?;
    }
    Ok(())
}

/// Both ways of writing it: in place, and as another file.
fn restarts(scene: &Scene, kind: &str) -> Checked {
    let post = laid(scene, kind)?;
    let mut old = ready(daemon(MAKES))?;
    start(guard(scene, &[], &post.pidfile))?;
    post.recorded(old.process.pid)?;
    for steps in [MAKES, "make rename disk/fs/x.pid say ready hear"] {
        let new = ready(daemon(steps))?;
        kill(old)?;
        post.recorded(new.process.pid)?;
        ask(scene, STATUS)?.is_line(0, "running", VERIFIED)?;
        old = new;
    }
    kill(old)?;
    post.cleared()
}

fn commands(scene: &Scene, kind: &str) -> Checked {
    let post = laid(scene, kind)?;
    let adopted = || {
        let daemon = ready(daemon(MAKES))?;
        ask(scene, "adopt disk/fs/x.pid")?.is_line(0, "adopted", "")?;
        post.recorded(daemon.process.pid)?;
        kill_guards()?;
        Ok::<Legacy, Failure>(daemon)
    };
    let daemon = adopted()?;
    ask(scene, STATUS)?.is_line(0, "running", VERIFIED)?;
    ask(scene, "sweep disk/fs")?.is_lines(0, &[])?;
    ask(scene, SWEEP)?.is_lines(0, &[])?;
    ask(scene, "stop disk/fs/x.pid")?.is_line(0, "stopped", "(after TERM)")?;
    daemon.end()?;
    post.is_gone()?;
    kill(adopted()?)?;
    ask(scene, STATUS)?.is_line(1, "stale", "(dead)")?;
    ask(scene, SWEEP)?.is_line(0, "removed", "(dead)")?;
    post.cleared()
}

/// flock(2) by who only reads is found in /proc/locks alone.
fn locked(scene: &Scene, kind: &str) -> Checked {
    let post = laid(scene, kind)?;
    let reader = || {
        ready(daemon(
            "hold_to_read disk/fs/x.pid lock flock say ready hear",
        ))
    };
    let holder = reader()?;
    let answer = ask(scene, SWEEP)?;
    let is_told = answer.out.contains("another process holds a lock on it");
    answer.is(1, is_told, "why it stays")?;
    kill(holder)?;
    ask(scene, SWEEP)?.is_line(0, "removed", "(dead)")?;
    let daemon = ready(daemon(MAKES))?;
    start(guard(scene, &[], &post.pidfile))?;
    post.recorded(daemon.process.pid)?;
    let holder = reader()?;
    kill(daemon)?;
    post.stays()?;
    kill(holder)?;
    post.cleared()
}

/// To a container, its files are its own, whichever layer they are in.
fn of_an_image(scene: &Scene) -> Checked {
    let post = laid(scene, "overlay")?;
    ask(scene, "sweep disk/fs")?.is_line(0, "removed", "(dead)")?;
    post.is_gone()
}

/// One with several names has its layer's number until it is moved, and then one of the upper layer.
fn becomes_another(scene: &Scene) -> Checked {
    scene.clear()?;
    overlay(&["another.name"])?;
    ask(scene, SWEEP)?.is_line(0, "removed", "(dead)")?;
    match file("disk/fs/x.pid").exists() {
        false => Ok(()),
        true => Err(Failure::new("it is there still", evidence())),
    }
}

/// Nothing on it can be reached any more; that is said, and nobody is taken for dead.
fn lost(scene: &Scene) -> Checked {
    scene.clear()?;
    let (under, disk) = (file("under"), path("disk"));
    for directory in [&under, &disk] {
        fs::create_dir(directory).doing("make a directory")?;
    }
    let mut bindfs = bare("/usr/bin/bindfs".as_ref());
    bindfs.arg("-f").args([&under, &disk]);
    let post = Post::in_directory(under, "x.pid")?;
    let program = start(bindfs)?;
    let is_mounted = || {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        mounts.contains(" /mnt/disk fuse").then_some(())
    };
    every_ten_milliseconds(Deadline::seconds(10), is_mounted)
        .ok_or_else(|| Failure::new("the test itself", evidence()))?;
    let daemon = ready(daemon("make open /mnt/disk/x.pid say ready hear"))?;
    let log = log()?;
    let guard = start(guard(scene, &[], &disk.join("x.pid")))?;
    post.recorded(daemon.process.pid)?;
    program.signal(Signal::SIGKILL).doing("kill bindfs")?;
    leaves(&program)?;
    let cause = "transport endpoint is not connected";
    let unreadable = format!("{cause} (unreadable)");
    ask(scene, "status /mnt/disk/x.pid")?.is_line(4, "unknown", &unreadable)?;
    ask(scene, "stop /mnt/disk/x.pid")?.is_refusal(4, &[cause])?;
    kill(daemon)?;
    leaves(&guard)?;
    let told = line(&log)?;
    if !told.contains("is dead, but the file cannot be read: file system not connected") {
        return Err(Failure::new("the log is told something else", told));
    }
    ask(scene, "sweep under")?.is_line(0, "removed", "(dead)")?;
    post.cleared()
}
