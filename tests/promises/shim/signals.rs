//! Every signal that ends a process by default, realtime signals included, however it comes.

use pidward_tests::failure::Checked;

use crate::compare::bystander;
use crate::promise::Promise;
use crate::scene::Scene;

/// How a signal comes: the daemon's steps, with the signal's number for `N`, and those of another process, with the
/// daemon's for `P`.
pub(super) const WAYS: [(&str, &str, Option<&str>); 5] = [
    ("raised", "raise N", None),
    (
        "raised_on_another_thread",
        "child thread raise_in_thread N end",
        None,
    ),
    ("queued_to_itself", "queue N 5", None),
    ("sent_by_kill", "say ready pause", Some("send P N")),
    (
        "sent_by_sigqueue",
        "say ready pause",
        Some("send_queued P N"),
    ),
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    WAYS.into_iter()
        .map(|(name, steps, sender)| {
            Promise::new(
                format!("every_signal_ends_as_it_always_did::{name}"),
                move |scene| scene.with_and_without_cores(|| each_signal(scene, steps, sender)),
            )
        })
        .chain([
            Promise::new("signals_that_end_nothing_go_on_doing_so", harmless),
            Promise::new(
                "a_signal_that_a_handler_past_the_library_passes_on_ends_the_daemon",
                passed_on,
            ),
        ])
}

fn each_signal(scene: &Scene, steps: &str, sender: Option<&str>) -> Checked {
    for signal in ending() {
        let number = signal.to_string();
        let steps = format!("make open x.pid {}", steps.replace('N', &number));
        let both = scene.lives_of(|life| {
            let mut daemon = life.start(&steps)?;
            if let Some(sender) = sender {
                daemon.says("ready")?;
                let pid = daemon.process.pid.to_string();
                bystander(&sender.replace('N', &number).replace('P', &pid))?;
            }
            daemon.end()
        })?;
        // SIGKILL is the guard's.
        let removed: &[&str] = if signal == libc::SIGKILL {
            &[]
        } else {
            &["x.pid"]
        };
        both.removed(removed)?;
    }
    Ok(())
}

/// The signals whose default action ends a process, signal(7); 32 and 33 are the C library's own.
pub(super) fn ending() -> impl Iterator<Item = i32> {
    use libc::{SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    let others = [
        SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH, 32, 33,
    ];
    (1..=64).filter(move |signal| !others.contains(signal))
}

fn harmless(scene: &Scene) -> Checked {
    let steps = "make open x.pid raise 17 raise 18 raise 23 raise 28 there x.pid die exit";
    scene.lives(steps)?.removed(&["x.pid"])
}

/// The handler was set by a system call that no hook sees, and what it passes the signal on to is what it displaced.
fn passed_on(scene: &Scene) -> Checked {
    for death in [
        "pass_on 15 raise 15",
        "pass_on 11 die segv",
        "pass_on 6 die abort",
    ] {
        let steps = format!("make open x.pid {death}");
        scene.lives(&steps)?.removed(&["x.pid"])?;
    }
    Ok(())
}
