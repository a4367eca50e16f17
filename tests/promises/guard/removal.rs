//! At the owner's death, and not before it, the guard removes his pidfile and its record; and no other file.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::evidence;

use super::post::{Post, daemon, guard, guarded, kill, leaves, ready, start, with_pidfile};
use crate::compare::bare;
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_killed_daemons_pidfile_and_record_are_removed", killed),
        each(
            "so_are_those_of_a_daemon_that_is_not_reaped",
            killed_and_not_reaped,
        ),
        each(
            "the_pidfile_of_a_daemon_that_died_before_its_guard_looked_is_removed",
            dead_before,
        ),
        each(
            "a_leader_that_ended_keeps_its_pidfile_while_a_thread_lives",
            dead_leader,
        ),
        each(
            "a_pidfile_that_is_a_symbolic_link_is_not_guarded",
            |scene| link(scene, false),
        ),
        each(
            "a_symbolic_link_put_in_the_guarded_pidfiles_place_stays",
            |scene| link(scene, true),
        ),
        each(
            "without_inotify_the_pidfile_is_removed_all_the_same",
            without_inotify,
        ),
        each(
            "a_pidfile_that_holds_another_number_by_the_time_of_death_stays",
            another_number,
        ),
    ]
    .into_iter()
}

fn killed(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}

/// A zombie is dead, whenever its parent may find out.
fn killed_and_not_reaped(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    daemon.process.signal(Signal::SIGKILL).doing("kill it")?;
    post.cleared()?;
    leaves(&guard)
}

fn dead_before(scene: &Scene) -> Checked {
    for reaped in [true, false] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let daemon = with_pidfile()?;
        if reaped {
            kill(daemon)?;
        } else {
            daemon.process.signal(Signal::SIGKILL).doing("kill it")?;
            if !daemon.process.dies_by(Deadline::seconds(10)) {
                return Err(Failure::new("the test itself", "it does not die"));
            }
        }
        let guard = start(guard(scene, &[], &post.pidfile))?;
        post.cleared()?;
        leaves(&guard)?;
    }
    Ok(())
}

/// Its main thread ends by exit(2), past the C library; another one ends the process when it has read a FIFO to its end.
fn dead_leader(scene: &Scene) -> Checked {
    let program = format!(
        "import ctypes, os, sys, threading\n\
         print(os.getpid(), file=open('x.pid', 'w'), flush=True)\n\
         threading.Thread(target=lambda: (open('go').read(), os._exit(7))).start()\n\
         print('ready', flush=True)\n\
         sys.stdin.readline()\n\
         ctypes.CDLL(None).syscall({}, 0)\n",
        libc::SYS_exit
    );
    scene.clear()?;
    write("threads.py", program)?;
    let fifo = nix::sys::stat::Mode::S_IRWXU;
    nix::unistd::mkfifo(&file("go"), fifo).doing("make a FIFO")?;
    let post = Post::at("x.pid")?;
    let mut command = bare("/usr/bin/python3".as_ref());
    command.arg("threads.py");
    let mut daemon = ready(command)?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(daemon.process.pid)?;
    daemon.go_on()?;
    zombie_leader(&daemon)?;
    post.stays()?;
    // The other thread's turn.
    drop(fs::OpenOptions::new().write(true).open(file("go")));
    post.cleared()?;
    leaves(&guard)
}

/// Waits until the leader is a zombie. No event tells of that, as the process lives.
fn zombie_leader(daemon: &Legacy) -> Checked {
    let deadline = Deadline::seconds(10);
    let status = format!("/proc/{}/status", daemon.process.pid);
    while !deadline.passed() {
        let status = fs::read_to_string(&status).doing("its status")?;
        if status.contains("State:\tZ") && status.contains("Threads:\t2") {
            return Ok(());
        }
        std::thread::yield_now();
    }
    Err(Failure::new("the test itself", evidence()))
}

fn link(scene: &Scene, once_guarded: bool) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = ready(daemon("make open real.txt make open x.pid say ready hear"))?;
    let put_link = || {
        symlink("real.txt", file("x.new")).doing("make a link")?;
        fs::rename(file("x.new"), file("x.pid")).doing("put it in place")
    };
    if !once_guarded {
        put_link()?;
    }
    let guard = start(guard(scene, &["--timeout", "1"], &post.pidfile))?;
    if once_guarded {
        post.recorded(daemon.process.pid)?;
        put_link()?;
        kill(daemon)?;
        leaves(&guard)?;
    } else {
        leaves(&guard)?;
        kill(daemon)?;
    }
    match post.is_there() && file("real.txt").exists() {
        true => Ok(()),
        false => Err(Failure::new("the link was followed", evidence())),
    }
}

/// A user has so many inotify instances, and guards of his have them all.
fn without_inotify(scene: &Scene) -> Checked {
    use std::os::unix::process::CommandExt;
    const USER: u32 = 424_242;
    scene.clear()?;
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_instances");
    let limit: usize = limit
        .doing("read the limit")?
        .trim()
        .parse()
        .doing("the limit")?;
    let mut guards = Vec::new();
    for number in 0..limit {
        let mut guard = guard(scene, &[], &file(&format!("{number}.pid")));
        guard.uid(USER).gid(USER);
        guards.push(start(guard)?);
    }
    for guard in &guards {
        super::post::falls_asleep(guard.pid, 1)?;
    }
    let post = Post::at("x.pid")?;
    // First the guard: no event tells it of the pidfile that comes.
    let mut command = guard(scene, &[], &post.pidfile);
    command.uid(USER).gid(USER);
    let waits = start(command)?;
    super::post::falls_asleep(waits.pid, 1)?;
    let mut command = daemon("make open x.pid say ready hear");
    command.uid(USER).gid(USER);
    let daemon = ready(command)?;
    let guard = post.recorded(daemon.process.pid)?;
    if has_inotify(&guard) || !guards.iter().all(has_inotify) {
        return Err(Failure::new(
            "the test itself",
            "the instances are not exhausted",
        ));
    }
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}

fn has_inotify(guard: &Process) -> bool {
    let descriptors = pidward_tests::proc::descriptors(guard.pid);
    descriptors
        .iter()
        .any(|descriptor| descriptor.leads_to.ends_with("anon_inode:inotify"))
}

/// Somebody has written another number into the file, which is nobody's.
fn another_number(scene: &Scene) -> Checked {
    let (daemon, _, post) = guarded(scene)?;
    write("x.pid", format!("{}0\n", daemon.process.pid))?;
    kill(daemon)?;
    post.stays()
}
