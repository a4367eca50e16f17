//! The signal that ends a daemon comes with its own siginfo also where no core shows it: to a tracer.

use pidward_tests::failure::Checked;

use super::signals::ending;
use crate::promise::Promise;
use crate::scene::Scene;

/// Deaths of a signal that dumps no core, in all ways by which such a signal comes.
const DEATHS: &[&str] = &[
    "die pipe",
    "wait alarm",
    "wait itimer_real",
    "wait itimer_virtual",
    "wait itimer_prof",
    "wait timer",
    "wait ctrl_c",
    "wait hangup",
    "wait sigsuspend",
    "wait ppoll",
    "wait unblocking",
];

/// For `N`, each signal.
const RAISES: &[&str] = &["raise N", "queue N 5"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each("a_deadly_signal_comes_with_its_siginfo", DEATHS, traced).chain(Promise::each(
        "every_deadly_signal_comes_with_its_siginfo",
        RAISES,
        |scene, raise| {
            // For SIGKILL there is none.
            let mut signals = ending().filter(|signal| *signal != libc::SIGKILL);
            signals.try_for_each(|signal| traced(scene, &raise.replace('N', &signal.to_string())))
        },
    ))
}

fn traced(scene: &Scene, death: &str) -> Checked {
    scene
        .lives(&format!("traced make open x.pid {death} end die exit"))?
        .removed(&["x.pid"])
}
