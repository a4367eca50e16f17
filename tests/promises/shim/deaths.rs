//! Whatever a daemon dies of, its pidfile is gone before its wait status is there, and the status is the same.

use pidward_tests::failure::Checked;

use crate::promise::Promise;
use crate::scene::Scene;

/// Ends that a program comes to by itself.
const ENDS: &[&str] = &[
    "return",
    "exit",
    "_exit",
    "_Exit",
    "quick_exit",
    "err",
    "errx",
    "abort",
    "assert",
    "pthread_exit",
    "last_thread",
    "overflow_of_buffer",
    "segv",
    "segv_of_no_page",
    "bus",
    "fpe",
    "ill",
    "trap",
    "pipe",
    "file_size",
];

/// Ends that come over it while it waits.
const WAITS: &[&str] = &[
    "alarm",
    "itimer_real",
    "itimer_virtual",
    "itimer_prof",
    "timer",
    "timer_that_quits",
    "cpu_limit",
    "ctrl_c",
    "ctrl_backslash",
    "hangup",
    "sigsuspend",
    "ppoll",
    "pselect",
    "epoll_pwait",
    "unblocking",
];

/// Those that another thread can come to; what it returns to is no main.
const ENDS_OF_A_THREAD: &[&str] = &[
    "exit",
    "_exit",
    "quick_exit",
    "err",
    "abort",
    "assert",
    "overflow_of_buffer",
    "segv",
    "segv_of_no_page",
    "bus",
    "fpe",
    "ill",
    "trap",
    "pipe",
    "file_size",
];

const WAITS_OF_A_THREAD: &[&str] = &[
    "itimer_real",
    "timer",
    "timer_that_quits",
    "ctrl_c",
    "ctrl_backslash",
];

/// Ends in which nothing of the daemon's process can act: the guard's.
const OUT_OF_REACH: &[&str] = &["kill", "overflow_of_stack", "raw_exit_group", "raw_exit"];

/// The stack is full, but there is another one for handlers.
pub(super) const OVERFLOWS: &[&str] = &[
    "altstack die overflow_of_stack",
    "child thread altstack die overflow_of_stack end",
];

/// A stack for handlers that is as small as many are, with much to do on it.
const ON_A_SMALL_STACK: &[&str] = &["raise 15", "die segv", "die abort", "die overflow_of_stack"];

/// abort(3) puts the default in place of a handler that returns, past all hooks.
const ABORT_WITH_A_HANDLER: &str = "make open x.pid set signal 6 count 0 die abort";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "every_death_removes_the_pidfile_and_keeps_its_status",
        ENDS,
        |scene, way| removed_after(scene, &format!("die {way}")),
    )
    .chain(Promise::each(
        "every_death_removes_the_pidfile_and_keeps_its_status",
        WAITS,
        |scene, way| removed_after(scene, &format!("wait {way}")),
    ))
    .chain(Promise::each(
        "so_does_every_death_on_another_thread",
        ENDS_OF_A_THREAD,
        |scene, way| removed_after(scene, &format!("child thread die {way} end")),
    ))
    .chain(Promise::each(
        "so_does_every_death_on_another_thread",
        WAITS_OF_A_THREAD,
        |scene, way| removed_after(scene, &format!("child thread wait {way} end")),
    ))
    .chain(Promise::each(
        "what_only_the_guard_can_see_keeps_its_status_too",
        OUT_OF_REACH,
        out_of_reach,
    ))
    .chain(Promise::each(
        "so_does_a_stack_overflow_that_the_daemon_has_a_stack_for",
        OVERFLOWS,
        removed_after,
    ))
    .chain(Promise::each(
        "so_does_a_death_on_a_small_alternate_stack",
        ON_A_SMALL_STACK,
        |scene, death| {
            for made in ["make open x.pid", "hold x.pid lock flock put"] {
                let steps = format!("{made} small_altstack {death}");
                scene.with_and_without_cores(|| scene.lives(&steps)?.removed(&["x.pid"]))?;
            }
            Ok(())
        },
    ))
    .chain([Promise::new(
        "so_does_an_abort_whose_handler_returns",
        |scene| scene.with_and_without_cores(|| scene.lives(ABORT_WITH_A_HANDLER)?.are_the_same()),
    )])
}

fn removed_after(scene: &Scene, steps: &str) -> Checked {
    scene.with_and_without_cores(|| {
        scene
            .lives(&format!("make open x.pid {steps}"))?
            .removed(&["x.pid"])
    })
}

fn out_of_reach(scene: &Scene, way: &str) -> Checked {
    scene.with_and_without_cores(|| {
        scene
            .lives(&format!("make open x.pid die {way}"))?
            .are_the_same()
    })
}
