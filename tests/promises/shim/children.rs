//! A child, however it was made, and however it dies, never removes its parent's pidfile; one that is the owner does.

use pidward_tests::failure::Checked;

use crate::promise::Promise;
use crate::scene::Scene;

/// Deaths that leave a parent whose memory the child has borrowed as it was.
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
    "raise 15",
    "raise 40",
];

/// Deaths for which a child needs a memory of its own.
const SOFT: [&str; 10] = [
    "die return",
    "die exit",
    "die quick_exit",
    "die err",
    "die abort",
    "die assert",
    "die pthread_exit",
    "die overflow_of_buffer",
    "wait timer",
    "wait itimer_real",
];

/// A death for which its threads have to know each other, which clone(2) alone does not do.
const OF_THREADS: &str = "die last_thread";

const COPIES: &[&str] = &["fork", "raw_fork", "clone", "spawn", "double_fork"];
const BORROWERS: &[&str] = &["vfork", "clone_vm"];
const OWNERS: &[&str] = &["fork", "raw_fork", "clone", "double_fork"];

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
    .chain([
        Promise::new("a_child_of_a_thread_never_removes_the_pidfile", |scene| {
            HARD.iter().chain(&SOFT).try_for_each(|death| {
                let steps = format!("child thread child fork {death} end end there x.pid die exit");
                scene
                    .both(&format!("make open x.pid {steps}"))?
                    .removed(&["x.pid"])
            })
        }),
        Promise::new(
            "a_child_whose_threads_end_never_removes_its_parents_pidfile",
            |scene| {
                ["fork", "spawn", "double_fork"]
                    .iter()
                    .try_for_each(|kind| childs_death(scene, kind, OF_THREADS))
            },
        ),
        Promise::new(
            "a_child_whose_threads_end_removes_its_own_pidfile",
            |scene| {
                ["fork", "double_fork"]
                    .iter()
                    .try_for_each(|kind| owners_death(scene, kind, OF_THREADS))
            },
        ),
        Promise::new("a_thread_that_ends_never_removes_the_pidfile", |scene| {
            let steps = "child thread say ended end there x.pid die exit";
            scene
                .both(&format!("make open x.pid {steps}"))?
                .removed(&["x.pid"])
        }),
        Promise::new(
            "a_command_of_the_daemons_never_removes_the_pidfile",
            |scene| {
                let steps =
                    "system false system exit$IFS-5 system kill$IFS-9$IFS$$ there x.pid die exit";
                scene
                    .both(&format!("make open x.pid {steps}"))?
                    .removed(&["x.pid"])
            },
        ),
        Promise::new(
            "a_program_that_fails_to_exec_removes_its_pidfile",
            |scene| {
                HARD.iter()
                    .chain(&SOFT)
                    .filter(|death| **death != "die kill")
                    .try_for_each(|death| {
                        let steps = format!("make open x.pid failed_exec there x.pid {death}");
                        scene.both(&steps)?.removed(&["x.pid"])
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
                .both("make open x.pid exec there x.pid die exit")?
                .are_the_same()
        }),
    ])
}

fn childs_death(scene: &Scene, kind: &str, death: &str) -> Checked {
    let steps = format!("make open x.pid child {kind} {death} end there x.pid die exit");
    scene.both(&steps)?.removed(&["x.pid"])
}

/// The parent has opened the file, and the child writes to it: what daemon(3) makes of most daemons.
fn owners_death(scene: &Scene, kind: &str, death: &str) -> Checked {
    scene
        .both(&format!("hold x.pid child {kind} put {death} end die exit"))?
        .removed(&["x.pid"])
}
