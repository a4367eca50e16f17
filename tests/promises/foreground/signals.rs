//! Signals reach the process behind the pidfile, each once, however early they come.

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing};

use super::{Service, WAYS, command, ends, said_is};
use crate::guard::post::{falls_asleep, ready};
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "each_signal_arrives_at_the_daemon_exactly_once",
        WAYS,
        |scene, way| once(scene, way, "detach"),
    )
    .chain(Promise::each(
        "each_signal_arrives_at_a_daemon_in_the_foreground_exactly_once",
        WAYS,
        |scene, way| once(scene, way, ""),
    ))
    .chain(Promise::each(
        "a_second_term_is_passed_on_too",
        WAYS,
        second_term,
    ))
    .chain([
        each("a_signal_waits_for_the_pidfile", early),
        each(
            "a_signal_that_came_when_the_launcher_was_gone_waits_for_the_pidfile",
            between,
        ),
        each("a_program_without_a_pidfile_gets_the_signals", no_pidfile),
        each(
            "what_the_program_got_before_its_pidfile_is_not_passed_on_again",
            not_again,
        ),
        each(
            "who_insists_on_the_end_need_not_wait_for_the_pidfile",
            insists,
        ),
        each(
            "who_insists_ends_what_the_launcher_has_left",
            insists_on_the_rest,
        ),
    ])
}

/// With SIGTERM last.
const ALL: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGTERM,
];

fn once(scene: &Scene, way: &str, detach: &str) -> Checked {
    let steps = format!("catch {detach} make open x.pid say ready serve 15 die return");
    let mut service = Service::start(scene, way, &steps)?;
    let mut expected = "ready".to_owned();
    for signal in ALL {
        service.signal(signal)?;
        let got = format!("got {}", signal as i32);
        service.foreground.says(&got)?;
        expected = format!("{expected} {got}");
    }
    said_is(&service.ends(7)?, &expected)
}

fn second_term(scene: &Scene, way: &str) -> Checked {
    let steps = "catch detach make open x.pid say ready serve 3 die return";
    let mut service = Service::start(scene, way, steps)?;
    for _ in 0..2 {
        service.signal(Signal::SIGTERM)?;
        service.foreground.says("got 15")?;
    }
    service.signal(Signal::SIGQUIT)?;
    said_is(&service.ends(7)?, "ready got 15 got 15 got 3")
}

/// The launcher, who would die of it, does not get it.
fn early(scene: &Scene) -> Checked {
    scene.clear()?;
    let steps = "say ready hear detach catch make open x.pid serve 15 die return";
    let mut foreground = ready(command(scene, "named", steps))?;
    let slept = falls_asleep(foreground.process.pid, 1)?;
    for (at, signal) in (1..).zip([Signal::SIGUSR1, Signal::SIGTERM]) {
        foreground.process.signal(signal).doing("signal it")?;
        falls_asleep(foreground.process.pid, slept + at)?;
    }
    foreground.go_on()?;
    said_is(&ends(foreground, 7)?, "ready got 10 got 15")
}

fn between(scene: &Scene) -> Checked {
    for way in WAYS {
        scene.clear()?;
        let steps = "detach say ready hear catch make open x.pid serve 15 die return";
        let mut foreground = ready(command(scene, way, steps))?;
        // The launcher may still be about to end, and would get it.
        launcher_is_gone(&foreground)?;
        let slept = falls_asleep(foreground.process.pid, 1)?;
        foreground
            .process
            .signal(Signal::SIGTERM)
            .doing("signal it")?;
        falls_asleep(foreground.process.pid, slept + 1)?;
        foreground.go_on()?;
        said_is(&ends(foreground, 7)?, "ready got 15")?;
    }
    Ok(())
}

/// Waits until the daemon is pidward's child: of its name there is one process.
fn launcher_is_gone(foreground: &crate::legacy::Legacy) -> Checked {
    let deadline = pidward_tests::deadline::Deadline::seconds(10);
    let legacy = |seen: &pidward_tests::proc::Seen| {
        seen.comm == crate::programs::LEGACY && !seen.is_zombie()
    };
    loop {
        let all = pidward_tests::proc::others();
        let mut living = all.iter().filter(|seen| legacy(seen));
        if living.all(|seen| seen.parent == foreground.process.pid)
            && all.iter().filter(|seen| legacy(seen)).count() == 1
        {
            return Ok(());
        }
        if deadline.passed() {
            let evidence = pidward_tests::world::evidence();
            return Err(pidward_tests::failure::Failure::new(
                "the launcher stays",
                evidence,
            ));
        }
        std::thread::yield_now();
    }
}

fn no_pidfile(scene: &Scene) -> Checked {
    scene.clear()?;
    let foreground = ready(command(scene, "learned", "say ready hear"))?;
    foreground
        .process
        .signal(Signal::SIGTERM)
        .doing("signal it")?;
    ends(foreground, 143)?;
    let mut foreground = ready(command(
        scene,
        "learned",
        "catch say ready serve 15 die return",
    ))?;
    for signal in ALL {
        foreground.process.signal(signal).doing("signal it")?;
        foreground.says(&format!("got {}", signal as i32))?;
    }
    ends(foreground, 7).map(drop)
}

fn not_again(scene: &Scene) -> Checked {
    scene.clear()?;
    let steps = "catch say ready serve 1 make open x.pid say made serve 15 die return";
    let mut foreground = ready(command(scene, "learned", steps))?;
    foreground
        .process
        .signal(Signal::SIGHUP)
        .doing("signal it")?;
    foreground.says("made")?;
    foreground
        .process
        .signal(Signal::SIGTERM)
        .doing("signal it")?;
    said_is(&ends(foreground, 7)?, "ready got 1 made got 15")
}

fn insists(scene: &Scene) -> Checked {
    scene.clear()?;
    let foreground = ready(command(scene, "named", "say ready hear"))?;
    let slept = falls_asleep(foreground.process.pid, 1)?;
    foreground
        .process
        .signal(Signal::SIGTERM)
        .doing("signal it")?;
    falls_asleep(foreground.process.pid, slept + 1)?;
    foreground
        .process
        .signal(Signal::SIGTERM)
        .doing("signal it again")?;
    ends(foreground, 143).map(drop)
}

/// The launcher's status is what is left to end with.
fn insists_on_the_rest(scene: &Scene) -> Checked {
    for way in WAYS {
        scene.clear()?;
        let foreground = ready(command(scene, way, "detach say ready hear"))?;
        launcher_is_gone(&foreground)?;
        let slept = falls_asleep(foreground.process.pid, 1)?;
        foreground
            .process
            .signal(Signal::SIGTERM)
            .doing("signal it")?;
        falls_asleep(foreground.process.pid, slept + 1)?;
        foreground
            .process
            .signal(Signal::SIGTERM)
            .doing("signal it again")?;
        ends(foreground, 0)?;
    }
    Ok(())
}
