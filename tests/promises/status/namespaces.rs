//! Other PID namespaces: what is recorded there may live there, and what goes by a number there is not dead.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;

use crate::answer::{Answer, ask};
use crate::compare::bare;
use crate::guard::post::{Post, guarded, kill, leaves, ready};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "what_is_recorded_in_a_namespace_below_is_elsewhere_until_that_is_gone",
            recorded_below,
        ),
        each(
            "a_number_of_a_namespace_below_is_elsewhere_and_not_dead",
            number_below,
        ),
        each(
            "what_is_recorded_in_a_namespace_above_is_elsewhere_while_it_is_guarded",
            above,
        ),
        each(
            "on_a_mount_of_others_an_unknown_number_is_shared_unless_named",
            shared,
        ),
        each("a_proc_of_another_namespace_is_not_asked", foreign_proc),
        each(
            "another_identity_of_the_boot_does_not_make_a_living_daemon_stale",
            hidden_boot,
        ),
    ]
    .into_iter()
}

/// In a PID namespace of its own, with or without a /proc to match.
fn unshare(options: &[&str], inside: &Command) -> Command {
    let mut command = bare("/usr/bin/unshare".as_ref());
    command
        .args(["--pid", "--fork", "--kill-child"])
        .args(options);
    command.arg(inside.get_program()).args(inside.get_args());
    command.current_dir(HOME);
    command
}

/// A daemon in a namespace of its own that has made x.pid: a shell is the first process there, and the daemon the second.
fn daemon_below(scene: &Scene, guarded: bool) -> Checked<Legacy> {
    let script = if guarded {
        // Through pidward, for its guard.
        format!(
            "{} run -p x.pid --no-preload {} make open x.pid say ready hear & wait",
            scene.release.join("pidward").display(),
            Scene::program(LEGACY).display()
        )
    } else {
        format!(
            "{} make open x.pid say ready hear & wait",
            Scene::program(LEGACY).display()
        )
    };
    let mut shell = bare("/bin/sh".as_ref());
    shell.args([
        "-c",
        &format!("exec 3<&0; {}", script.replace(" & ", " <&3 & ")),
    ]);
    ready(unshare(&["--mount-proc"], &shell))
}

/// The processes of this name, as we see them.
fn called(comm: &str) -> Vec<Process> {
    let seen = proc::others().into_iter().filter(|seen| seen.comm == comm);
    seen.filter_map(|seen| Process::living(seen.pid)).collect()
}

/// Ends a namespace, down to its first process.
fn end(host: Legacy) -> Checked {
    let all = proc::others().into_iter().map(|seen| seen.pid);
    let all: Vec<Process> = all.filter_map(Process::living).collect();
    kill(host)?;
    all.iter().try_for_each(leaves)
}

fn recorded_below(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let host = daemon_below(scene, true)?;
    post.until("recorded", || {
        pidward_tests::record::Record::read(&post.pidfile)
    })?;
    let elsewhere = || ask(scene, "status x.pid")?.is_line(4, "unknown", "(elsewhere)");
    elsewhere()?;
    // Without its guard it still lives.
    for guard in called("pidward: guard") {
        guard.signal(Signal::SIGKILL).doing("kill the guard")?;
        leaves(&guard)?;
    }
    elsewhere()?;
    ask(scene, "stop x.pid")?.is_refusal(4, &["was recorded in another PID namespace"])?;
    if called(LEGACY).len() != 1 {
        return Err(Failure::new(
            "the daemon is gone",
            pidward_tests::world::evidence(),
        ));
    }
    end(host)?;
    ask(scene, "status x.pid")?.is_line(1, "stale  ", "(gone-namespace)")?;
    ask(scene, "stop x.pid")?.is_line(0, "removed ", "(gone-namespace)")
}

/// Containers have an identity of the boot of their own mounted over the machine's, which the /proc of a unit's sandbox has not.
fn hidden_boot(scene: &Scene) -> Checked {
    let (daemon, guard, _post) = guarded(scene)?;
    let own = file("boot_id");
    fs::write(&own, "0b1c2d3e-0000-4000-8000-00000000000a\n").doing("write another identity")?;
    let none: Option<&str> = None;
    let bind = MsFlags::MS_BIND;
    let there = "/proc/sys/kernel/random/boot_id";
    mount(Some(&own), there, none, bind, none).doing("hide the boot's identity")?;
    ask(scene, "status x.pid")?.is_line(0, "running", "(verified by pidfd handle)")?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    // Nothing tells the boots apart any more, and it may be the recorded one.
    ask(scene, "status x.pid")?.is_line(4, "unknown", "(elsewhere)")?;
    ask(scene, "sweep x.pid")?.says(0, file("x.pid").exists(), "it stays")?;
    kill(daemon)?;
    ask(scene, "status x.pid")?.is_line(1, "stale  ", "(other-boot)")
}

fn number_below(scene: &Scene) -> Checked {
    scene.clear()?;
    // Our own first numbers are long gone by then.
    let host = daemon_below(scene, false)?;
    let text = fs::read_to_string(file("x.pid")).doing("read x.pid")?;
    if text.trim().parse().ok().and_then(Process::open).is_some() {
        return Err(Failure::new(
            "the test itself",
            format!("{text} is somebody's here"),
        ));
    }
    ask(scene, "status x.pid")?.is_line(4, "unknown", "(elsewhere)")?;
    ask(scene, "stop x.pid")?.is_refusal(4, &["in a PID namespace below"])?;
    // Nor with too few descriptors to look.
    for most in 4..16 {
        for what in [".", "x.pid"] {
            let mut few = bare("/usr/bin/prlimit".as_ref());
            let sweep = pidward(scene, &["sweep", what]);
            few.arg(format!("--nofile={most}:{most}"));
            few.arg(sweep.get_program()).args(sweep.get_args());
            few.current_dir(crate::scene::HOME);
            let answer = Answer::of(few)?;
            if !file("x.pid").exists() {
                let what = format!("{most} descriptors, sweep {what}: {answer:#?}");
                return Err(Failure::new("removed", what));
            }
        }
    }
    // For who may see no more of others than their numbers, that is enough.
    write("dead.pid", "2147483647\n")?;
    let mut another = bare("/usr/bin/setpriv".as_ref());
    let status = pidward(scene, &["status", "dead.pid"]);
    another.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    another.arg(status.get_program()).args(status.get_args());
    another.current_dir(crate::scene::HOME);
    Answer::of(another)?.is_line(1, "stale  ", "(dead)")?;
    end(host)?;
    ask(scene, "status x.pid")?.is_line(1, "stale  ", "(dead)")
}

/// From below we do not see who is above.
fn above(scene: &Scene) -> Checked {
    let (daemon, guard, _) = guarded(scene)?;
    let below = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let inside = pidward(scene, &words);
        Answer::of(unshare(&["--mount-proc"], &inside))
    };
    below("status x.pid")?.is_line(4, "unknown", "(elsewhere)")?;
    below("stop x.pid")?.is_refusal(4, &["was recorded in another PID namespace"])?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    // Nobody but the user can know better.
    below("status x.pid")?.is_line(1, "stale  ", "(gone-namespace)")?;
    kill(daemon).map(drop)
}

fn shared(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("part")).doing("make a directory")?;
    fs::create_dir(file("mount")).doing("make a directory")?;
    write("part/x.pid", "2147483647\n")?;
    let none: Option<&str> = None;
    mount(
        Some(&file("part")),
        &file("mount"),
        none,
        MsFlags::MS_BIND,
        none,
    )
    .doing("bind it")?;
    ask(scene, "status mount")?.is_line(4, "unknown", "(shared)")?;
    ask(scene, "status mount/x.pid")?.is_line(1, "stale  ", "(dead)")?;
    ask(scene, "status part")?.is_line(1, "stale  ", "(dead)")
}

/// `unshare --pid` alone leaves the old /proc, in which our numbers are those of others.
fn foreign_proc(scene: &Scene) -> Checked {
    scene.clear()?;
    let mut shell = bare("/bin/sh".as_ref());
    // The shell is 1 there, and says so in x.pid; in the old /proc, 1 is the test.
    let pidward = scene.release.join("pidward").display().to_string();
    shell.args([
        "-c",
        &format!("echo 1 >x.pid; {pidward} status x.pid; true"),
    ]);
    let mut command = unshare(&[], &shell);
    command.arg0("unshare");
    let answer = Answer::of(command)?;
    let end = "pid 1 lives, and we may not see more of it (unverified)";
    answer.is_line(0, "running", end)
}
