//! A child, however it was made, and however it dies, never removes its parent's pidfile; one that is the owner does.

use pidward_tests::failure::Checked;

use crate::promise::Promise;
use crate::scene::Scene;

/// Deaths that leave a parent whose memory the child has borrowed as it was. raise(3) is none of them: a C library may
/// have kept the number of the thread that raises, and that is the parent's.
const HARD: [&str; 14] = [
    "die _exit",
    "die _Exit",
    "die kill",
    "die segv",
    "die segv_of_no_page",
    "die bus",
    "die fpe",
    "die ill",
    "die trap",
    "die pipe",
    "wait sigsuspend",
    "wait ppoll",
    "queue 15 0",
    "queue 40 0",
];

/// Deaths for which a child needs a memory of its own.
const SOFT: [&str; 7] = [
    "die return",
    "die exit",
    "die quick_exit",
    "die err",
    "die pthread_exit",
    "wait timer",
    "wait itimer_real",
];

/// Deaths for which the C library may have to know in which process it is.
const ABORTS: [&str; 3] = ["die abort", "die assert", "die overflow_of_buffer"];

/// A death for which its threads have to know each other, which clone(2) alone does not do.
const OF_THREADS: &str = "die last_thread";

const COPIES: &[&str] = &[
    "namesake",
    "fork",
    "raw_fork",
    "clone",
    "spawn",
    "double_fork",
    "daemon",
];
const BORROWERS: &[&str] = &["vfork", "clone_vm"];
const OWNERS: &[&str] = &["fork", "raw_fork", "clone", "double_fork", "daemon"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "a_child_that_dies_never_removes_its_parents_pidfile",
        COPIES,
        |scene, kind| {
            HARD.iter()
                .chain(&SOFT)
                .try_for_each(|death| childs_death(scene, kind, death))
        },
    )
    .chain(Promise::each(
        "a_child_that_dies_never_removes_its_parents_pidfile",
        BORROWERS,
        |scene, kind| {
            HARD.iter()
                .try_for_each(|death| childs_death(scene, kind, death))
        },
    ))
    .chain(Promise::each(
        "a_child_that_wrote_its_own_pid_removes_the_pidfile",
        OWNERS,
        |scene, kind| {
            HARD.iter()
                .chain(&SOFT)
                .filter(|death| **death != "die kill")
                .try_for_each(|death| owners_death(scene, kind, death))
        },
    ))
    .chain(Promise::each(
        "a_child_that_aborts_never_removes_its_parents_pidfile",
        COPIES,
        |scene, kind| {
            ABORTS
                .iter()
                .try_for_each(|death| childs_death(scene, kind, death))
        },
    ))
    .chain(Promise::each(
        "a_child_that_wrote_its_own_pid_and_aborts_removes_the_pidfile",
        OWNERS,
        |scene, kind| {
            ABORTS
                .iter()
                .try_for_each(|death| owners_death(scene, kind, death))
        },
    ))
    .chain([
        Promise::new("a_child_of_a_thread_never_removes_the_pidfile", |scene| {
            let mut deaths = HARD.iter().chain(&SOFT).chain(&ABORTS);
            deaths.try_for_each(|death| {
                let steps = format!("child thread child fork {death} end end there x.pid die exit");
                scene
                    .lives(&format!("make open x.pid {steps}"))?
                    .removed(&["x.pid"])
            })
        }),
        Promise::new(
            "a_child_whose_threads_end_never_removes_its_parents_pidfile",
            |scene| {
                ["fork", "spawn", "double_fork", "daemon"]
                    .iter()
                    .try_for_each(|kind| childs_death(scene, kind, OF_THREADS))
            },
        ),
        Promise::new(
            "a_child_whose_threads_end_removes_its_own_pidfile",
            |scene| {
                ["fork", "double_fork", "daemon"]
                    .iter()
                    .try_for_each(|kind| owners_death(scene, kind, OF_THREADS))
            },
        ),
        Promise::new(
            "a_child_waits_for_no_lock_that_a_thread_of_its_parents_has",
            |scene| {
                let steps = "fork_while_listed make open x.pid fork_while_listed there x.pid die exit";
                scene.lives(steps)?.removed(&["x.pid"])
            },
        ),
        Promise::new("a_thread_that_ends_never_removes_the_pidfile", |scene| {
            let steps = "child thread say ended end there x.pid die exit";
            scene
                .lives(&format!("make open x.pid {steps}"))?
                .removed(&["x.pid"])
        }),
        Promise::new(
            "a_command_of_the_daemons_never_removes_the_pidfile",
            |scene| {
                let steps =
                    "system false system exit$IFS-5 system kill$IFS-9$IFS$$ there x.pid die exit";
                scene
                    .lives(&format!("make open x.pid {steps}"))?
                    .removed(&["x.pid"])
            },
        ),
        Promise::new("a_child_by_vfork_leaves_the_parents_memory_as_it_was", |scene| {
            let child = "make open y.pid make rename z.pid set sigaction 15 count resethand query 15 \
                set bsd_signal 1 count 0 set siginterrupt 2 SIG_DFL 0 set signal 2 SIG_DFL 0 \
                set sigset 3 count 0 set system_call 10 count resethand gone y.pid gone z.pid die kill";
            let parent = "query 15 query 1 query 2 query 3 query 10 there x.pid raise 15";
            for before in ["resolve make open x.pid", "resolve"] {
                let steps = format!("{before} keep_memory child vfork {child} end compare_memory {parent}");
                let lives = scene.lives(&steps)?;
                match before {
                    "resolve" => lives.are_the_same()?,
                    _ => lives.removed(&["x.pid"])?,
                }
            }
            Ok(())
        }),
        Promise::new(
            "a_program_that_fails_to_exec_removes_its_pidfile",
            |scene| {
                HARD.iter()
                    .chain(&SOFT)
                    .filter(|death| **death != "die kill")
                    .try_for_each(|death| {
                        let steps = format!("make open x.pid failed_exec there x.pid {death}");
                        scene.lives(&steps)?.removed(&["x.pid"])
                    })
            },
        ),
        Promise::new(
            "a_child_that_fails_to_exec_never_removes_its_parents_pidfile",
            |scene| {
                BORROWERS
                    .iter()
                    .chain(&["fork", "raw_fork"])
                    .try_for_each(|kind| childs_death(scene, kind, "failed_exec die _exit"))
            },
        ),
        Promise::new("a_program_that_execs_itself_keeps_its_pidfile", |scene| {
            scene
                .lives("make open x.pid exec there x.pid die exit")?
                .are_the_same()
        }),
    ])
}

fn childs_death(scene: &Scene, kind: &str, death: &str) -> Checked {
    let steps = format!("make open x.pid child {kind} {death} end there x.pid die exit");
    scene.lives(&steps)?.removed(&["x.pid"])
}

/// The parent has opened the file, and the child writes to it: what daemon(3) makes of most daemons.
fn owners_death(scene: &Scene, kind: &str, death: &str) -> Checked {
    scene
        .lives(&format!("hold x.pid child {kind} put {death} end die exit"))?
        .removed(&["x.pid"])
}
