//! The promises of `pidward stop`: the daemon ends as the schedule has it, and is said how; nothing else is touched.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use crate::answer::{LEVELS, ask, ask_without};
use crate::attacks::tracer::stopped_at;
use crate::compare::bare;
use crate::guard::post::{
    Post, daemon, falls_asleep, guard, guarded, guarded_with, kill, leaves, ready, start,
};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file};
use crate::wait::sleeps_while_it_lives;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    vec![
        each("stop_says_with_what_status_the_daemon_exited", exit_status),
        each(
            "stop_says_how_the_daemon_ended_at_whichever_moment_it_is_reaped",
            reaped_meanwhile,
        ),
        each("stop_says_whether_the_daemon_left_a_core_dump", core_dump),
        each("stop_of_what_nobody_reaps_does_not_wait_for_that", unreaped),
        each(
            "stop_goes_on_to_the_next_signal_when_the_time_is_over",
            next_signal,
        ),
        each("stop_repeats_what_follows_forever", forever),
        each("stop_gives_up_at_the_end_of_its_schedule", gives_up),
        each("several_daemons_are_stopped_at_once", at_once),
        each("a_daemon_with_two_pidfiles_is_signalled_once", once),
        each("a_signal_ends_the_waiting_and_not_the_daemon", interrupted),
        each(
            "it_ends_the_waiting_for_all_and_says_who_lives",
            interrupted_for_several,
        ),
        each("stop_does_not_wake_up_while_the_daemon_lives", |scene| {
            let (daemon, _, _) = guarded_with(
                scene,
                "set sigaction 15 SIG_IGN 0 make open x.pid say ready hear",
            )?;
            let stop = Legacy::start(pidward(scene, &["stop", "--schedule", "TERM/600", "x.pid"]))?;
            sleeps_while_it_lives(&daemon, &stop)?;
            kill(daemon)?;
            stop.end().map(drop)
        }),
        each(
            "what_is_proven_stale_is_cleaned_up_and_stop_succeeds",
            stale,
        ),
        each(
            "stop_of_an_unverified_daemon_takes_the_users_word",
            unverified,
        ),
        each(
            "stop_leaves_the_pidfile_of_a_new_instance_and_says_so",
            new_instance,
        ),
        each("a_reader_that_leaves_ends_no_deed_half_way", unheard),
        each("a_time_that_never_comes_is_waited_for", for_ever),
    ]
}

/// A daemon of root's that is recorded, whose parent reaps it at once: x.pid.
struct Served {
    /// The parent.
    parent: Legacy,
    daemon: Process,
    guard: Process,
    post: Post,
}

/// A shell script that has written its own number to the pidfile, and what it does then.
fn script(name: &str, then: &str) -> String {
    format!("echo $$ >{name}.pid; {then}")
}

/// Starts it below a parent, and a guard; waits until it has said that it is ready.
fn served(scene: &Scene, name: &str, then: &str) -> Checked<Served> {
    let post = Post::at(&format!("{name}.pid"))?;
    let mut parent = bare("/bin/sh".as_ref());
    // Not the last command, so that the shell does not become it.
    parent.args([
        "-c",
        "sh -c \"$1\" daemon; :",
        "parent",
        &script(name, then),
    ]);
    let parent = ready(parent)?;
    let pid = fs::read_to_string(&post.pidfile).doing("read the pidfile")?;
    let daemon = pid.trim().parse().ok().and_then(Process::living);
    let daemon = daemon.ok_or("none").doing("find the daemon")?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard = post.recorded(daemon.pid)?;
    Ok(Served {
        parent,
        daemon,
        guard,
        post,
    })
}

impl Served {
    /// The daemon is dead, and nothing is left of it.
    fn ends(self) -> Checked {
        leaves(&self.daemon)?;
        self.post.cleared()?;
        leaves(&self.guard)?;
        self.parent.end().map(drop)
    }
}

fn exit_status(scene: &Scene) -> Checked {
    for (without, _) in LEVELS {
        scene.clear()?;
        let served = served(scene, "x", "trap 'exit 7' TERM; echo ready; read line")?;
        // The schedule's end is far off: it returns because the daemon is gone.
        let answer = ask_without(scene, without, "stop --schedule TERM/600 x.pid")?;
        let how = match without.contains("pidfd") {
            true => "ended; the kernel does not say how (after TERM)",
            false => "exited with status 7 (after TERM)",
        };
        let expected = format!(
            "stopped  {HOME}/x.pid  pid {} sh {how}\n",
            served.daemon.pid
        );
        answer.says(0, answer.out == expected, &expected)?;
        // Not only some time later.
        if served.post.is_there() {
            return Err(Failure::new("the pidfile is still there", without));
        }
        served.ends()?;
    }
    Ok(())
}

/// For how long `stop` waits for the reaping of what is dead.
const REAPING: Duration = Duration::from_secs(1);

/// Its parent takes the exit status between any two system calls of ours, until the one that waits for that in vain.
fn reaped_meanwhile(scene: &Scene) -> Checked {
    let words = ["stop", "--schedule", "TERM/600", "x.pid"];
    let (mut number, mut reaped) = (0, 0);
    loop {
        scene.clear()?;
        let served = served(scene, "x", "echo ready; read line")?;
        let parent = &served.parent.process;
        parent.signal(Signal::SIGSTOP).doing("stop its parent")?;
        let began = Instant::now();
        let (mut in_vain, mut dead) = (false, false);
        let reap = || {
            in_vain = began.elapsed() >= REAPING;
            dead = served.daemon.is_dead();
            parent.signal(Signal::SIGCONT).doing("let it reap")?;
            match dead && !served.daemon.is_reaped_by(Deadline::seconds(10)) {
                true => Err(Failure::new("the test itself", "it is not reaped")),
                false => Ok(()),
            }
        };
        let Some(output) = stopped_at(pidward(scene, &words), number, reap)? else {
            return Err(Failure::new("it did not wait", evidence()));
        };
        let said = String::from_utf8_lossy(&output.stdout);
        served.ends()?;
        let is_known = said.ends_with("was ended by signal 15 (TERM) (after TERM)\n");
        match (is_known, in_vain && reaped > 0) {
            (true, _) => reaped += usize::from(dead),
            (false, true) => return Ok(()),
            (false, false) => {
                let what = format!("stop {number}, {reaped} reaped before: {output:#?}");
                return Err(Failure::new("another end", what));
            }
        }
        number += 1;
    }
}

fn core_dump(scene: &Scene) -> Checked {
    scene.with_and_without_cores(|| {
        scene.clear()?;
        let steps = "make open x.pid say ready hear";
        let mut parent = bare("/bin/sh".as_ref());
        let legacy = Scene::program(LEGACY).display().to_string();
        parent.args(["-c", &format!("{legacy} {steps}; echo $?; ls; :")]);
        let post = Post::at("x.pid")?;
        let parent = ready(parent)?;
        start(guard(scene, &[], &post.pidfile))?;
        let pid = fs::read_to_string(&post.pidfile).doing("read the pidfile")?;
        post.recorded(pid.trim().parse().doing("a PID")?)?;
        let answer = ask(scene, "stop --schedule SEGV/20 x.pid")?;
        let ended = parent.end()?;
        let dumped = ended.left.contains(&"core".to_owned());
        let how = match dumped {
            true => "was ended by signal 11 (SEGV), core dumped (after SEGV)",
            false => "was ended by signal 11 (SEGV) (after SEGV)",
        };
        answer.is_line(0, "stopped  ", how)
    })
}

/// The test is its parent, and waits for the answer before it reaps it.
fn unreaped(scene: &Scene) -> Checked {
    let (daemon, _, post) = guarded(scene)?;
    let answer = ask(scene, "stop x.pid")?;
    answer.is_line(
        0,
        "stopped  ",
        "legacy ended; how is not known before its parent reaps it (after TERM)",
    )?;
    if post.is_there() {
        return Err(Failure::new("the pidfile is still there", ""));
    }
    daemon.end().map(drop)
}

/// It cannot be ended by TERM, and says so.
const STUBBORN: &str = "trap 'echo heard' TERM INT; echo ready; while :; do read line; done";

fn next_signal(scene: &Scene) -> Checked {
    scene.clear()?;
    let served = served(scene, "x", "trap '' TERM; echo ready; read line")?;
    let answer = ask(scene, "stop --schedule TERM/1/KILL/20 x.pid")?;
    answer.is_line(
        0,
        "stopped  ",
        "sh was ended by signal 9 (KILL) (after KILL)",
    )?;
    served.ends()
}

fn forever(scene: &Scene) -> Checked {
    scene.clear()?;
    let then = "n=0; trap 'n=$((n+1)); [ $n = 3 ] && exit 5' TERM; trap '' INT; echo ready; \
                until read line; do :; done";
    let served = served(scene, "x", then)?;
    let answer = ask(scene, "stop --schedule -INT/1/forever/TERM/1 x.pid")?;
    answer.is_line(0, "stopped  ", "sh exited with status 5 (after TERM)")?;
    served.ends()
}

fn gives_up(scene: &Scene) -> Checked {
    scene.clear()?;
    let served = served(scene, "x", "trap '' TERM; echo ready; read line")?;
    let answer = ask(scene, "stop --schedule TERM/1 x.pid")?;
    let who = format!(
        "gave up on {HOME}/x.pid: PID {} (sh) still lives 1s after TERM (state S)",
        served.daemon.pid
    );
    answer.is_refusal(1, &[&who, "\"pidward wait /mnt/daemon/x.pid\""])?;
    if served.daemon.is_dead() || !served.post.is_there() {
        return Err(Failure::new("it did not stay", ""));
    }
    served.daemon.signal(Signal::SIGKILL).doing("kill it")?;
    served.ends()
}

/// Each ends only once the other has got its signal too.
fn at_once(scene: &Scene) -> Checked {
    scene.clear()?;
    let then = |own: &str, other: &str| {
        format!(
            "trap 'echo >{own}.got; until [ -e {other}.got ]; do sleep 0.01; done; exit 3' TERM; echo ready; read line"
        )
    };
    let first = served(scene, "a", &then("a", "b"))?;
    let second = served(scene, "b", &then("b", "a"))?;
    let answer = ask(scene, "stop --schedule TERM/20/KILL/5 a.pid b.pid")?;
    let ends = answer
        .out
        .lines()
        .all(|line| line.ends_with("exited with status 3 (after TERM)"));
    answer.is(0, ends && answer.out.lines().count() == 2, "both exited")?;
    first.ends()?;
    second.ends()
}

fn once(scene: &Scene) -> Checked {
    scene.clear()?;
    let steps = "set sigaction 10 count restart make open x.pid make open y.pid say ready hear ran die exit";
    let mut daemon = ready(daemon(steps))?;
    let answer = ask(scene, "stop --unverified --schedule USR1/0 x.pid y.pid")?;
    answer.says(1, true, "it lives")?;
    daemon.go_on()?;
    let ended = daemon.end()?;
    match ended.said.contains("ran 1 times, last for 10") {
        true => Ok(()),
        false => Err(Failure::new(
            "signalled more than once",
            format!("{ended:#?}"),
        )),
    }
}

fn interrupted(scene: &Scene) -> Checked {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        scene.clear()?;
        let mut served = served(scene, "x", STUBBORN)?;
        let stop = Legacy::start(pidward(scene, &["stop", "--schedule", "TERM/600", "x.pid"]))?;
        served.parent.says("heard")?;
        stop.process.signal(signal).doing("interrupt it")?;
        let ended = stop.end()?;
        let said = format!(
            "pidward: no longer waiting for {HOME}/x.pid: {signal} came, and PID {} (sh) still lives\n",
            served.daemon.pid
        );
        if ended.status.code() != Some(code) || ended.said != said {
            return Err(Failure::new(
                "another end",
                format!("{ended:#?}\nexpected {said}"),
            ));
        }
        if served.daemon.is_dead() || !served.post.is_there() {
            return Err(Failure::new("the daemon is gone", ""));
        }
        served.daemon.signal(Signal::SIGKILL).doing("kill it")?;
        served.ends()?;
    }
    Ok(())
}

fn interrupted_for_several(scene: &Scene) -> Checked {
    scene.clear()?;
    let mut first = served(scene, "a", STUBBORN)?;
    let mut second = served(scene, "b", STUBBORN)?;
    let third = served(scene, "c", "echo ready; read line")?;
    let words = ["stop", "--schedule", "TERM/600", "a.pid", "b.pid", "c.pid"];
    let stop = Legacy::start(pidward(scene, &words))?;
    first.parent.says("heard")?;
    second.parent.says("heard")?;
    // The third ends, and that is said as ever.
    leaves(&third.daemon)?;
    third.post.cleared()?;
    stop.process.signal(Signal::SIGINT).doing("interrupt it")?;
    let ended = stop.end()?;
    let mut lines: Vec<&str> = ended.said.lines().collect();
    lines.sort_unstable();
    let lives = |served: &Served, name: &str| {
        format!(
            "pidward: no longer waiting for {HOME}/{name}.pid: SIGINT came, and PID {} (sh) still lives",
            served.daemon.pid
        )
    };
    let of_two = [lives(&first, "a"), lives(&second, "b")];
    let is_said = lines.len() == 3 && lines[..2] == of_two && lines[2].starts_with("stopped  ");
    if ended.status.code() != Some(130) || !is_said {
        return Err(Failure::new("another end", format!("{ended:#?}")));
    }
    third.ends()?;
    for served in [first, second] {
        served.daemon.signal(Signal::SIGKILL).doing("kill it")?;
        served.ends()?;
    }
    Ok(())
}

/// Standard output is a pipe that nobody reads.
fn unheard(scene: &Scene) -> Checked {
    for line in [
        "adopt a.pid b.pid",
        "signal USR1 a.pid b.pid",
        "stop a.pid b.pid",
    ] {
        scene.clear()?;
        let mut daemons = Vec::new();
        for name in ["a.pid", "b.pid"] {
            let steps =
                format!("set sigaction 10 count restart make open {name} say ready hear ran hear");
            daemons.push(ready(daemon(&steps))?);
        }
        if !line.starts_with("adopt") {
            ask(scene, "adopt a.pid b.pid")?.is_lines(0, &["adopted", "adopted"])?;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = pidward(scene, &words);
        let (reader, writer) = std::io::pipe().doing("make a pipe")?;
        drop(reader);
        let status = command.stdout(writer).status().doing("run pidward")?;
        if status.code() != Some(0) {
            return Err(Failure::new(line, status));
        }
        match line.split(' ').next() {
            Some("adopt") => {
                ask(scene, "status a.pid b.pid")?.is_lines(0, &["running", "running"])?;
                ask(scene, "signal 0 b.pid")?.is_line(
                    0,
                    "reached",
                    "(verified by pidfd handle)",
                )?;
            }
            Some("signal") => {
                for daemon in &mut daemons {
                    daemon.go_on()?;
                    daemon.says_what_begins_with("ran 1 times")?;
                }
            }
            _ => {
                if daemons.iter().any(|daemon| !daemon.process.is_dead()) {
                    return Err(Failure::new("one of them was not stopped", line));
                }
                continue;
            }
        }
        daemons
            .into_iter()
            .try_for_each(|daemon| kill(daemon).map(drop))?;
    }
    Ok(())
}

/// As many seconds as can be said.
fn for_ever(scene: &Scene) -> Checked {
    for line in [
        "stop --schedule TERM/9223372036854775807/KILL/5 x.pid",
        "wait --timeout 9223372036854775807 x.pid",
    ] {
        let (daemon, _, _) = guarded_with(
            scene,
            "set sigaction 15 SIG_IGN 0 make open x.pid say ready hear",
        )?;
        let words: Vec<&str> = line.split(' ').collect();
        let waiting = Legacy::start(pidward(scene, &words))?;
        falls_asleep(waiting.process.pid, 1)?;
        kill(daemon)?;
        let ended = waiting.end()?;
        if ended.status.code() != Some(0) {
            return Err(Failure::new(line, format!("{ended:#?}")));
        }
    }
    Ok(())
}

fn stale(scene: &Scene) -> Checked {
    for (without, _) in LEVELS {
        let (daemon, guard, post) = guarded(scene)?;
        guard.signal(Signal::SIGKILL).doing("kill the guard")?;
        leaves(&guard)?;
        kill(daemon)?;
        ask_without(scene, without, "stop x.pid")?.is_line(0, "removed  ", "(dead)")?;
        if post.is_there() || Record::path(&post.pidfile).exists() {
            return Err(Failure::new("something stays", without));
        }
        ask_without(scene, without, "stop x.pid")?.is_line(0, "missing  ", "(missing)")?;
    }
    Ok(())
}

fn unverified(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = crate::guard::post::with_pidfile()?;
    ask(scene, "stop x.pid")?.is_refusal(4, &["there is no record", "--unverified"])?;
    if daemon.process.is_dead() {
        return Err(Failure::new("it was stopped", ""));
    }
    ask(scene, "stop --unverified x.pid")?.is_line(0, "stopped  ", "(after TERM)")?;
    match file("x.pid").exists() {
        true => Err(Failure::new("the pidfile is still there", "")),
        false => daemon.end().map(drop),
    }
}

/// It has come before the old one is gone, as a supervisor starts it.
fn new_instance(scene: &Scene) -> Checked {
    scene.clear()?;
    let then = "trap 'echo heard; read line; exit 0' TERM; echo ready; read line";
    let mut served = served(scene, "x", then)?;
    let stop = Legacy::start(pidward(scene, &["stop", "--schedule", "TERM/600", "x.pid"]))?;
    served.parent.says("heard")?;
    let new = ready(daemon("make rename x.pid say ready hear"))?;
    served.parent.go_on()?;
    let ended = stop.end()?;
    // How it ended is known when its parent has reaped it, which is not for us to hurry.
    let (first, rest) = ended.said.split_once('\n').unwrap_or_default();
    let of_the_new = format!(
        "pidward: {HOME}/x.pid means another process by now, which was left alone: PID {} (legacy)\n",
        new.process.pid
    );
    let is_stopped = first.starts_with("stopped  ") && first.ends_with("(after TERM)");
    let said = is_stopped && rest == of_the_new;
    if ended.status.code() != Some(0) || !said || !served.post.is_there() {
        return Err(Failure::new("another end", format!("{ended:#?}")));
    }
    if new.process.is_dead() {
        return Err(Failure::new("the new instance was stopped", ""));
    }
    served.parent.end()?;
    served.post.recorded(new.process.pid)?;
    kill(new)?;
    served.post.cleared()
}
