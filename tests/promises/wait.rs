//! The promises of `pidward wait`: it returns when the daemons are gone, or the time is over, and does nothing to them.

use std::time::Duration;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};

use crate::answer::{LEVELS, ask, ask_without};
use crate::guard::post::{daemon, falls_asleep, guarded, kill, leaves, ready, slept, with_pidfile};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, write};

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    vec![
        each(
            "wait_returns_when_the_last_of_the_daemons_is_gone",
            the_last,
        ),
        each("wait_returns_124_when_the_time_is_over", time_is_over),
        each("there_is_nothing_to_wait_for_without_a_daemon", nothing),
        each(
            "wait_says_who_has_the_pidfile_when_that_is_another",
            another,
        ),
        each("a_signal_ends_wait_and_it_says_who_lives", interrupted),
        each("wait_does_not_wake_up_while_the_daemons_live", |scene| {
            let (daemon, _, _) = guarded(scene)?;
            let waiting = waiting(scene, "", &["--timeout", "600", "x.pid"])?;
            sleeps_while_it_lives(&daemon, &waiting)?;
            kill(daemon)?;
            waiting.end().map(drop)
        }),
    ]
}

fn waiting(scene: &Scene, without: &str, words: &[&str]) -> Checked<Legacy> {
    let mut command = pidward(scene, &["wait"]);
    command.args(words).env("PIDWARD_WITHOUT", without);
    let waiting = Legacy::start(command)?;
    falls_asleep(waiting.process.pid, 1)?;
    Ok(waiting)
}

/// Whatever the daemon and its pidfile do, who waits for its end does not wake up: he does not look now and then.
pub(crate) fn sleeps_while_it_lives(daemon: &Legacy, waiting: &Legacy) -> Checked {
    let before = falls_asleep(waiting.process.pid, 1)?;
    for _ in 0..100 {
        daemon.process.signal(Signal::SIGCONT).doing("signal it")?;
        write("x.pid", format!("{}\n", daemon.process.pid))?;
    }
    // Long enough for a timer of its own, if it had one.
    let until = Deadline::after(Duration::from_millis(1200));
    while !until.passed() {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let (after, _) = slept(waiting.process.pid)?;
    match after == before {
        true => Ok(()),
        false => Err(Failure::new(
            "wakes up",
            format!("{before} times, then {after}"),
        )),
    }
}

fn the_last(scene: &Scene) -> Checked {
    for (without, _) in LEVELS {
        let (first, guard, _) = guarded(scene)?;
        let second = ready(daemon("make open y.pid say ready hear"))?;
        let waiting = waiting(
            scene,
            without,
            &["--timeout", "60", "x.pid", "y.pid", "z.pid"],
        )?;
        kill(first)?;
        leaves(&guard)?;
        if waiting.process.is_dead() {
            return Err(Failure::new("it does not wait for the second", without));
        }
        kill(second)?;
        let ended = waiting.end()?;
        if ended.status.code() != Some(0) || !ended.said.is_empty() {
            return Err(Failure::new("another end", format!("{ended:#?}")));
        }
    }
    Ok(())
}

fn time_is_over(scene: &Scene) -> Checked {
    for (without, _) in LEVELS {
        let (daemon, _, _) = guarded(scene)?;
        for time in ["0", "0.2", ".1", "1"] {
            let answer = ask_without(scene, without, &format!("wait --timeout {time} x.pid"))?;
            let said = format!(
                "pidward: no longer waiting for {HOME}/x.pid: the time is over, and PID {} (legacy) still lives\n",
                daemon.process.pid
            );
            answer.says(124, answer.err == said && answer.out.is_empty(), &said)?;
        }
        kill(daemon)?;
    }
    // It is no option, and is not to be given as one.
    let answer = ask(scene, "wait --timeout -1 x.pid")?;
    let words = ["'-1'", "not a number of seconds"];
    let is_said = words.iter().all(|word| answer.err.contains(word));
    answer.says(2, is_said && !answer.err.contains("tip:"), "a usage error")
}

fn nothing(scene: &Scene) -> Checked {
    scene.clear()?;
    kill(with_pidfile()?)?;
    ask(scene, "wait x.pid none.pid")?.is_lines(0, &[])?;
    write("garbled.pid", "x\n")?;
    ask(scene, "wait x.pid garbled.pid")?.is_refusal(4, &["did not wait for", "garbled.pid"])
}

fn another(scene: &Scene) -> Checked {
    let (first, guard, post) = guarded(scene)?;
    let waiting = waiting(scene, "", &["x.pid"])?;
    let second = ready(daemon("make rename x.pid say ready hear"))?;
    kill(first)?;
    let ended = waiting.end()?;
    let said = format!(
        "pidward: {HOME}/x.pid means another process by now, which was left alone: PID {} (legacy)\n",
        second.process.pid
    );
    if ended.status.code() != Some(0) || ended.said != said {
        return Err(Failure::new("another end", format!("{ended:#?}")));
    }
    post.recorded(second.process.pid)?;
    kill(second)?;
    post.cleared()?;
    leaves(&guard)
}

fn interrupted(scene: &Scene) -> Checked {
    let (daemon, _, _) = guarded(scene)?;
    let waiting = waiting(scene, "", &["x.pid"])?;
    waiting
        .process
        .signal(Signal::SIGINT)
        .doing("interrupt it")?;
    let ended = waiting.end()?;
    let said = ended.said.contains("SIGINT came, and PID ") && ended.said.lines().count() == 1;
    if ended.status.code() != Some(130) || !said || daemon.process.is_dead() {
        return Err(Failure::new("another end", format!("{ended:#?}")));
    }
    kill(daemon).map(drop)
}
