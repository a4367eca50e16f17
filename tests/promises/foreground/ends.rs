//! It ends as the daemon ended, and the daemon's pidfile is gone by then.

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::world::{evidence, owner};

use super::{Service, WAYS, command, ends};
use crate::guard::post::{Post, daemon, ready};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "a_forking_daemon_ends_the_foreground_as_it_ends",
        &["named", "unpreloaded", "learned"],
        as_it_ends,
    )
    .chain(Promise::each(
        "a_daemon_that_stays_in_the_foreground_is_the_same_case",
        WAYS,
        stays,
    ))
    .chain([
        each("a_failed_launcher_is_what_the_foreground_ends_with", fails),
        each(
            "without_a_pidfile_the_launchers_status_waits_for_the_end_of_the_tree",
            no_pidfile,
        ),
        each("a_daemon_that_dies_at_once_is_not_missed", at_once),
        each(
            "without_a_guard_the_foreground_removes_the_pidfile",
            no_guard,
        ),
        each(
            "a_daemon_whose_parent_lives_ends_the_foreground_as_it_ends",
            anothers_child,
        ),
        each("a_link_that_an_earlier_run_left_hides_nothing", left_link),
        each(
            "a_pidfile_of_another_tree_is_not_taken_for_the_daemons",
            another_tree,
        ),
        each("of_several_pidfiles_the_first_is_the_main_one", several),
        each(
            "the_foreground_command_finds_all_as_if_pidward_had_not_been_there",
            |scene| crate::run::in_place::same(scene, &["run", "-f"]),
        ),
        each(
            "the_foreground_command_gets_its_arguments_byte_for_byte",
            |scene| crate::run::in_place::arguments(scene, &["run", "-f"]),
        ),
    ])
}

const READY: &str = "detach make open x.pid say ready";

fn as_it_ends(scene: &Scene, way: &str) -> Checked {
    for (last, signal, status) in [
        ("hear die return", None, 7),
        ("hear die _exit", None, 7),
        ("hear", Some(Signal::SIGTERM), 143),
        ("hear", Some(Signal::SIGKILL), 137),
        ("hear", Some(Signal::SIGSEGV), 139),
    ] {
        let mut service = Service::start(scene, way, &format!("{READY} {last}"))?;
        match signal {
            Some(signal) => service.daemon.signal(signal).doing("signal the daemon")?,
            None => service.foreground.go_on()?,
        }
        service.ends(status)?;
    }
    Ok(())
}

fn stays(scene: &Scene, way: &str) -> Checked {
    let service = Service::start(scene, way, "make open x.pid say ready hear")?;
    service.daemon.signal(Signal::SIGKILL).doing("kill it")?;
    service.ends(137)?;
    let service = Service::start(scene, way, "make open x.pid say ready serve 15 die return")?;
    service.signal(Signal::SIGTERM)?;
    service.ends(7).map(drop)
}

fn fails(scene: &Scene) -> Checked {
    for way in WAYS {
        for (steps, status) in [("die return", 7), ("raise 9", 137), ("say x", 0)] {
            scene.clear()?;
            ends(Legacy::start(command(scene, way, steps))?, status)?;
        }
    }
    Ok(())
}

fn no_pidfile(scene: &Scene) -> Checked {
    for way in WAYS {
        scene.clear()?;
        let mut foreground = ready(command(scene, way, "aside say ready hear die return end"))?;
        let slept = crate::guard::post::falls_asleep(foreground.process.pid, 1)?;
        if foreground.process.is_dead() {
            return Err(Failure::new(
                format!("ended after {slept} sleeps"),
                evidence(),
            ));
        }
        foreground.go_on()?;
        ends(foreground, 0)?;
    }
    Ok(())
}

/// Whether or not anybody has had a look at the pidfile before.
fn at_once(scene: &Scene) -> Checked {
    for _ in 0..20 {
        scene.clear()?;
        let steps = "detach make open x.pid raise 9";
        ends(Legacy::start(command(scene, "unpreloaded", steps))?, 137)?;
    }
    Ok(())
}

fn no_guard(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut command = command(scene, "named", "detach make open x.pid say ready hear");
    command.env("PIDWARD_GUARD", "off");
    let foreground = ready(command)?;
    let daemon = post.until("named", || owner(&post.pidfile))?;
    super::knows(&foreground.process, &post)?;
    daemon.signal(Signal::SIGKILL).doing("kill it")?;
    let said = ends(foreground, 137)?;
    let removed = said.contains("pidward: removed /mnt/daemon/x.pid: ");
    match removed && !post.is_there() {
        true => Ok(()),
        false => Err(Failure::new("the pidfile is not removed", said)),
    }
}

/// The parent reaps it, or does not.
fn anothers_child(scene: &Scene) -> Checked {
    for parent in ["child fork", "aside"] {
        for (last, status) in [("die return", 7), ("raise 9", 137)] {
            let steps = format!("{parent} make open x.pid say ready hear {last} end pause");
            let mut service = Service::start(scene, "named", &steps)?;
            service.foreground.go_on()?;
            let process = &service.foreground.process;
            if !process.dies_by(Deadline::seconds(10)) {
                return Err(Failure::new("does not end", evidence()));
            }
            end_all(LEGACY)?;
            service.ends(status)?;
        }
    }
    Ok(())
}

/// As it is when all has been killed at once. What the daemon leaves alive keeps its tree from being at its end.
fn left_link(scene: &Scene) -> Checked {
    let first = Service::start(scene, "learned", "detach make open x.pid say ready pause")?;
    let guard = first.post.recorded(first.daemon.pid)?;
    // The link comes after the record.
    crate::guard::post::falls_asleep(guard.pid, 1)?;
    for process in [&first.foreground.process, &guard, &first.daemon] {
        process.signal(Signal::SIGKILL).doing("kill it")?;
        if !process.dies_by(Deadline::seconds(10)) {
            return Err(Failure::new("the test itself", evidence()));
        }
    }
    let links = std::fs::read_dir("/var/lib/pidward/known").doing("list the links")?;
    if links.count() != 1 {
        return Err(Failure::new("the test itself", evidence()));
    }
    let steps = "detach aside pause end make open x.pid say ready pause";
    let second = Service::start(scene, "learned", steps)?;
    second.daemon.signal(Signal::SIGKILL).doing("kill it")?;
    if !second.foreground.process.dies_by(Deadline::seconds(10)) {
        return Err(Failure::new("does not end", evidence()));
    }
    end_all(LEGACY)?;
    second.ends(137).map(drop)
}

/// Kills what is left of this name, which holds the pipe to the test.
fn end_all(name: &str) -> Checked {
    for seen in proc::others().iter().filter(|seen| seen.comm == name) {
        let left = Process::living(seen.pid).map(|left| left.signal(Signal::SIGKILL));
        left.transpose().doing("kill what is left")?;
    }
    Ok(())
}

/// Whether it was there before the command, or comes after it.
fn another_tree(scene: &Scene) -> Checked {
    scene.clear()?;
    let mut other = ready(daemon(
        "make open x.pid catch say ready hear make open x.pid say made hear serve 1",
    ))?;
    ends(Legacy::start(command(scene, "named", "die return"))?, 7)?;
    let foreground = ready(command(scene, "named", "say ready pause"))?;
    other.go_on()?;
    other.says("made")?;
    let slept = crate::guard::post::falls_asleep(foreground.process.pid, 1)?;
    let term = || {
        foreground
            .process
            .signal(Signal::SIGTERM)
            .doing("signal it")
    };
    term()?;
    crate::guard::post::falls_asleep(foreground.process.pid, slept + 1)?;
    term()?;
    ends(foreground, 143)?;
    other.go_on()?;
    let hangup = other.process.signal(Signal::SIGHUP);
    hangup.doing("ask the other")?;
    super::said_is(&other.end()?.said, "ready made got 1")
}

fn several(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let other = Post::at("y.pid")?;
    let run = [
        "run", "-f", "-p", "x.pid", "-p", "y.pid", "-p", "z.pid", "--",
    ];
    for (first, second) in [("x.pid", "y.pid"), ("y.pid", "x.pid")] {
        let mut command = pidward(scene, &run);
        command.arg(Scene::program(LEGACY));
        let steps =
            format!("aside make open {first} say first hear end make open {second} say ready hear");
        command.args(steps.split_whitespace());
        let mut foreground = Legacy::start(command)?;
        foreground.says("ready")?;
        let main = post.until("named", || owner(&post.pidfile))?;
        post.recorded(main.pid)?;
        let beside = other.until("named", || owner(&other.pidfile))?;
        other.recorded(beside.pid)?;
        super::knows(&foreground.process, &post)?;
        beside.signal(Signal::SIGKILL).doing("kill the other")?;
        other.cleared()?;
        crate::guard::post::falls_asleep(foreground.process.pid, 1)?;
        if foreground.process.is_dead() {
            return Err(Failure::new("ends with the other one", evidence()));
        }
        kill_main(foreground, &main)?;
        post.cleared()?;
    }
    Ok(())
}

fn kill_main(foreground: Legacy, main: &Process) -> Checked {
    main.signal(Signal::SIGSEGV).doing("end the main one")?;
    ends(foreground, 139).map(drop)
}
