//! The promises of `pidward signal`: what is meant is signalled, and nothing else ever.

use nix::sys::signal::Signal;
use std::os::unix::process::{CommandExt, ExitStatusExt};

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::answer::{Answer, LEVELS, ask, ask_without};
use crate::guard::post::{guarded, kill, leaves, with_pidfile};
use crate::promise::Promise;
use crate::run::{copied, installed};
use crate::scene::{HOME, Scene, write};

/// Signals as people write them, and their numbers.
const SIGNALS: &[&str] = &[
    "USR1=10",
    "SIGUSR2=12",
    "9=9",
    "int=2",
    "RTMIN+3=37",
    "SIGRTMAX=64",
];

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    let mut all = vec![
        each("signal_0_asks_and_sends_nothing", nothing),
        each("signal_says_by_what_the_process_was_known", levels),
        each(
            "an_unverified_process_is_signalled_only_on_the_users_word",
            unverified,
        ),
        each("signal_to_what_does_not_run_is_7", not_running),
        each(
            "of_several_each_is_signalled_and_the_highest_status_is_the_answer",
            several,
        ),
        each("a_signal_that_is_not_allowed_is_4", not_allowed),
        each("a_signal_that_is_none_is_a_usage_error_that_says_so", none),
    ];
    all.extend(Promise::each(
        "a_signal_by_any_of_its_names_arrives",
        SIGNALS,
        arrives,
    ));
    all
}

/// A dash before it, as for kill(1), is nothing to be passed on behind another one.
fn none(scene: &Scene) -> Checked {
    scene.clear()?;
    for signal in ["-HUP", "FOO", "65"] {
        let answer = ask(scene, &format!("signal {signal} x.pid"))?;
        let is_said = answer.err.contains(&format!("'{signal}'")) && answer.err.contains("kill -l");
        answer.says(2, is_said && !answer.err.contains("tip:"), "a usage error")?;
    }
    Ok(())
}

fn arrives(scene: &Scene, case: &str) -> Checked {
    let (name, number) = case.split_once('=').ok_or(case).doing("read a case")?;
    let (daemon, guard, post) = guarded(scene)?;
    let begin = "sent ";
    let answer = ask(scene, &format!("signal {name} x.pid"))?;
    answer.is_line(0, begin, " legacy (verified by pidfd handle)")?;
    let ended = daemon.end()?;
    if ended.status.signal().map(|it| it.to_string()).as_deref() != Some(number) {
        return Err(Failure::new("another signal", format!("{ended:#?}")));
    }
    post.cleared()?;
    leaves(&guard)
}

fn nothing(scene: &Scene) -> Checked {
    let (daemon, _, _) = guarded(scene)?;
    let begin = format!("reached  {HOME}/x.pid  pid {} legacy ", daemon.process.pid);
    ask(scene, "signal 0 x.pid")?.is_line(0, &begin, "(verified by pidfd handle)")?;
    match daemon.process.is_dead() {
        true => Err(Failure::new("0 ends it", "")),
        false => kill(daemon).map(drop),
    }
}

fn levels(scene: &Scene) -> Checked {
    for (without, proof) in LEVELS {
        let (daemon, guard, _) = guarded(scene)?;
        let answer = ask_without(scene, without, "signal TERM x.pid")?;
        let line = answer.out.ends_with(&format!(" legacy ({proof})\n"));
        // Without a pidfd there is a race, and it is told.
        let told = answer.err.contains("cannot exclude a race") == without.contains("pidfd");
        answer.says(0, line && told, proof)?;
        let ended = daemon.end()?;
        if ended.status.signal() != Some(15) {
            return Err(Failure::new("another end", format!("{ended:#?}")));
        }
        leaves(&guard)?;
    }
    Ok(())
}

fn unverified(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let who = format!(
        "{HOME}/x.pid: there is no record that says whether PID {} (legacy) is meant",
        daemon.process.pid
    );
    ask(scene, "signal TERM x.pid")?
        .is_refusal(4, &[&who, "\"pidward adopt /mnt/daemon/x.pid\""])?;
    if daemon.process.is_dead() {
        return Err(Failure::new("it was signalled", ""));
    }
    ask(scene, "signal --unverified TERM x.pid")?.is_line(0, "sent TERM  ", "(unverified)")?;
    match daemon.end()?.status.signal() {
        Some(15) => Ok(()),
        other => Err(Failure::new("another end", format!("{other:?}"))),
    }
}

fn not_running(scene: &Scene) -> Checked {
    let (daemon, guard, _) = guarded(scene)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    kill(daemon)?;
    for (without, _) in LEVELS {
        let stale = ask_without(scene, without, "signal TERM x.pid")?;
        stale.is_refusal(
            7,
            &[
                "is no process; it was ",
                "\"pidward stop /mnt/daemon/x.pid\"",
            ],
        )?;
        ask_without(scene, without, "signal TERM none.pid")?.is_refusal(7, &["no such file"])?;
    }
    Ok(())
}

fn several(scene: &Scene) -> Checked {
    let (daemon, _, _) = guarded(scene)?;
    write("garbled.pid", "x\n")?;
    let answer = ask(scene, "signal USR1 garbled.pid x.pid ./x.pid")?;
    let refused = answer.err.contains("did not signal") && answer.out.lines().count() == 1;
    answer.says(4, refused, "one of two")?;
    let ended = daemon.end()?;
    if ended.status.signal() != Some(10) {
        return Err(Failure::new("another end", format!("{ended:#?}")));
    }
    let answer = ask(scene, "signal USR1 garbled.pid none.pid")?;
    answer.is_refusal(7, &["garbled.pid", "none.pid"])
}

fn not_allowed(scene: &Scene) -> Checked {
    let copy = copied(scene)?;
    let (daemon, _, _) = guarded(scene)?;
    let mut command = installed(&copy, &["signal", "TERM", "x.pid"]);
    command.uid(65534).gid(65534);
    Answer::of(command)?.is_refusal(4, &["it runs as root", "Become that user, or root"])?;
    match daemon.process.is_dead() {
        true => Err(Failure::new("it was signalled", "")),
        false => kill(daemon).map(drop),
    }
}
