//! A pidfile is seen however it is made; nothing else is.

use std::fs;

use pidward_tests::failure::{Checked, Doing};

use crate::compare::NO_GUARD_STAYS;
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

/// Functions that know a directory by its path only.
const WAYS: &[&str] = &[
    "open",
    "open64",
    "creat",
    "creat64",
    "open_existing",
    "__open_2",
    "__open64_2",
    "fopen_w",
    "fopen_a",
    "fopen_r+",
    "fopen64",
    "freopen",
    "freopen64",
    "rename",
    "link",
];

/// Functions that know a directory by its descriptor too.
const WAYS_AT: &[&str] = &[
    "openat",
    "openat64",
    "__openat_2",
    "__openat64_2",
    "renameat",
    "renameat2",
    "linkat",
];

const NAMES: &[&str] = &["httpd.pid", "pid", "RUNNING_PID", "x.PID", ".pid"];

const OTHER_NAMES: &[&str] = &["x.txt", "x.pid.tmp", "pids", "pid.d", "x.pi"];

const READS: &[&str] = &["open", "openat", "__open_2", "fopen", "freopen"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "every_way_to_make_a_pidfile_is_seen",
        WAYS,
        absolute_and_relative,
    )
    .chain(Promise::each(
        "every_way_to_make_a_pidfile_is_seen",
        WAYS_AT,
        absolute_and_relative,
    ))
    .chain(Promise::each(
        "a_pidfile_is_seen_relative_to_a_directory",
        WAYS_AT,
        relative_to_a_directory,
    ))
    .chain(Promise::each(
        "every_name_of_a_pidfile_is_known",
        NAMES,
        named_so,
    ))
    .chain(Promise::each(
        "a_file_with_another_name_stays",
        OTHER_NAMES,
        stays,
    ))
    .chain(Promise::each(
        "a_pidfile_that_is_only_read_stays",
        READS,
        only_read,
    ))
    .chain([
        Promise::new("a_pidfile_under_another_name_goes_on_being_one", renamed),
        Promise::new("several_pidfiles_of_one_daemon_are_all_removed", several),
        Promise::new("with_all_rooms_taken_a_known_pidfile_is_known", |scene| {
            let all: Vec<String> = (0..17).map(|number| format!("{number}.pid")).collect();
            let made: String = all
                .iter()
                .map(|name| format!("make open {name} "))
                .collect();
            let (last, known) = all.split_last().ok_or("none").doing("name them")?;
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            scene
                .lives(&format!("{made} make rename 0.pid there {last} die return"))?
                .removed(&known)
        }),
        Promise::new("two_hundred_threads_may_make_pidfiles_at_once", crowd),
        Promise::new(
            "handlers_set_while_the_first_pidfile_is_seen_are_not_lost",
            overtaken,
        ),
        Promise::new("a_pidfile_that_is_made_twice_is_removed", |scene| {
            scene
                .lives("make open x.pid make rename x.pid make fopen_w x.pid die return")?
                .removed(&["x.pid"])
        }),
    ])
}

/// The daemon's directory is not the current one any more when it dies.
fn absolute_and_relative(scene: &Scene, way: &str) -> Checked {
    let absolute = scene.lives(&format!("make {way} {HOME}/httpd.pid errno die return"))?;
    absolute.removed(&["httpd.pid"])?;
    let relative = scene.lives(&format!("make {way} exim.pid errno chdir / die return"))?;
    relative.removed(&["exim.pid"])
}

fn relative_to_a_directory(scene: &Scene, way: &str) -> Checked {
    let both = scene.both_with(|life| {
        fs::create_dir(file("run")).doing("make a directory")?;
        life.start(&format!("at run make {way} x.pid errno chdir / die return"))?
            .end()
    })?;
    both.removed(&["run/x.pid"])
}

fn named_so(scene: &Scene, name: &str) -> Checked {
    scene
        .lives(&format!("make open {name} die return"))?
        .removed(&[name])
}

/// Nor are there stand-ins: the library sleeps.
fn stays(scene: &Scene, name: &str) -> Checked {
    for way in ["open", "fopen_w", "rename", "link"] {
        scene
            .lives(&format!("make {way} {name} status SigCgt die return"))?
            .are_the_same()?;
    }
    Ok(())
}

/// Somebody else wrote the daemon's PID there, start-stop-daemon for one.
fn only_read(scene: &Scene, way: &str) -> Checked {
    let both = scene.both_with(|life| {
        let mut daemon = life.start(&format!("hear read {way} x.pid status SigCgt die return"))?;
        write("x.pid", daemon.process.pid.to_string())?;
        daemon.go_on()?;
        daemon.end()
    })?;
    both.are_the_same()
}

/// nginx gives its pidfile to the next instance that way.
fn renamed(scene: &Scene) -> Checked {
    let both = scene.lives("make open nginx.pid move nginx.pid nginx.pid.oldbin die return")?;
    both.removed(&["nginx.pid.oldbin"])
}

/// A thread that starts a guard waits for it, so the others see their first pidfile meanwhile.
fn crowd(scene: &Scene) -> Checked {
    let pidfiles = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| format!("{name}.pid"));
    let made = pidfiles.each_ref().map(|name| format!("make open {name}"));
    let steps = format!("child crowd {} end die return", made.join(" "));
    // Two of them have to meet between two system calls: once in a few lives.
    for _ in 0..8 {
        scene
            .both_in(&[NO_GUARD_STAYS], |life| life.start(&steps)?.end())?
            .removed(&pidfiles.each_ref().map(String::as_str))?;
    }
    Ok(())
}

fn several(scene: &Scene) -> Checked {
    let both = scene.lives(
        "make open postmaster.pid make fopen_w external.pid make rename third.pid die abort",
    )?;
    both.removed(&["postmaster.pid", "external.pid", "third.pid"])
}

/// Each system call that sets a disposition takes as long as if its thread had been preempted before and after it, so
/// that the two threads come between any two calls of each other's.
fn overtaken(scene: &Scene) -> Checked {
    let slowly = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=rt_sigaction",
        "-e",
        "inject=rt_sigaction:delay_enter=1000:delay_exit=1000",
    ];
    let both = scene.both_with(|life| {
        let mut strace = life.command("strace".as_ref());
        strace.env_remove("LD_PRELOAD").args(slowly);
        if life.has_shim() {
            strace.args(["-E", &life.preload()]);
        }
        strace
            .arg(Scene::program(LEGACY))
            .args(["race", "3", "x.pid"]);
        let mut ended = Legacy::start(strace)?.end()?;
        // strace has a word of its own now and then.
        let lines = ended.said.split_inclusive('\n');
        ended.said = lines.filter(|line| !line.starts_with("strace:")).collect();
        Ok(ended)
    })?;
    both.are_the_same()
}
