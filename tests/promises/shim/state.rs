//! What the daemon has of its own stays as it was when its pidfile is seen and a guard is started, and its limits are
//! nobody else's to reach.

use pidward_tests::failure::Checked;

use crate::guards::with_guards;
use crate::promise::Promise;
use crate::scene::Scene;

/// How a daemon closes what it does not know.
const CLOSES: &[&str] = &["closefrom", "close_range", "loop", "loop_from_0"];

/// Ends after which a handler of the daemon's own runs.
const CLEAN_ENDS: &[&str] = &["return", "exit", "errx", "pthread_exit", "quick_exit"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "nothing_is_broken_when_the_daemon_closes_all_descriptors",
        CLOSES,
        closed,
    )
    .chain(Promise::each(
        "the_daemons_own_clean_up_finds_its_pidfile",
        CLEAN_ENDS,
        |scene, end| {
            scene
                .lives(&format!("make open x.pid clean_up x.pid die {end}"))?
                .removed(&["x.pid"])
        },
    ))
    .chain([
        each("what_the_process_has_of_its_own_stays", |scene| {
            let steps = "state make open x.pid state make rename x.pid unusual state \
                make open y.pid state make fopen_w y.pid state die return";
            with_guards(scene, &[], steps, 4, |_, _| true)
        }),
        each("without_a_guard_too", |scene| {
            scene
                .lives("unusual altstack state make open x.pid state errno die return")?
                .removed(&["x.pid"])
        }),
        each("what_children_have_used_is_the_daemons_childrens", |scene| {
            let steps = "usage make open x.pid usage make rename x.pid usage make open y.pid usage \
                child fork usage die _exit end some_usage die return";
            with_guards(scene, &[], steps, 3, |_, _| true)
        }),
        each("with_hardly_a_descriptor_the_daemon_makes_its_pidfile", |scene| {
            for steps in ["few_files 4 make open x.pid", "make open x.pid few_files 0"] {
                scene
                    .lives(&format!("{steps} query 15 say alive raise 15"))?
                    .are_the_same()?;
            }
            scene
                .lives("few_files 64 make open x.pid query 15 raise 15")?
                .removed(&["x.pid"])
        }),
        each("without_memory_the_daemon_makes_its_pidfile", |scene| {
            for death in ["die return", "die abort", "raise 15"] {
                let steps = format!("no_memory make open x.pid state query 15 {death}");
                with_guards(scene, &[], &steps, 0, |_, _| true)?;
            }
            Ok(())
        }),
    ])
}

fn closed(scene: &Scene, way: &str) -> Checked {
    let steps = format!(
        "make open x.pid descriptors close_all {way} descriptors make rename y.pid descriptors \
            query 15 raise 15"
    );
    with_guards(scene, &[], &steps, 2, |_, _| true)
}
