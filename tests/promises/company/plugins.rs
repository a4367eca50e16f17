//! Plugins: libraries that a daemon loads while it runs.

use pidward_tests::failure::Checked;

use crate::programs::NEIGHBOUR;
use crate::promise::Promise;
use crate::scene::Scene;

/// How dlopen(3) may load one whose calls come by the shim.
const MODES: &[&str] = &["local", "global", "lazy"];

/// Steps to the end of a process that come by the C library wherever they are done.
const ENDS: &[&str] = &["_exit", "quick_exit", "abort"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "a_pidfile_that_a_plugin_makes_is_removed",
        MODES,
        made_by_a_plugin,
    )
    .chain([
        each("a_plugin_loaded_past_the_shim_changes_nothing", |scene| {
            let steps = with_a_plugin("deepbind", "make open y.pid borrow 15 borrow 10 query 17");
            for end in ["die return", "die _exit", "die abort", "raise 15"] {
                scene.lives(&format!("{steps} {end}"))?.are_the_same()?;
            }
            Ok(())
        }),
        each(
            "it_may_borrow_a_signal_that_has_a_stand_in_and_put_it_back",
            |scene| {
                let steps = with_a_plugin("deepbind", "make open y.pid borrow 15 borrow 10");
                for end in [
                    "die return",
                    "die _exit",
                    "die abort",
                    "raise 15",
                    "raise 10",
                ] {
                    scene
                        .lives(&format!("make open x.pid {steps} query 15 {end}"))?
                        .removed(&["x.pid"])?;
                }
                Ok(())
            },
        ),
        // Its _exit is none of ours: the guard's work. abort(3) and signals reach the stand-in from everywhere.
        each(
            "where_it_ends_the_process_past_the_shim_its_status_stays",
            |scene| {
                for end in ["die _exit", "die quick_exit"] {
                    let steps = with_a_plugin("deepbind", end);
                    scene
                        .lives(&format!("make open x.pid {steps}"))?
                        .are_the_same()?;
                }
                for end in ["die abort", "die segv", "raise 15"] {
                    let steps = with_a_plugin("deepbind", end);
                    scene
                        .lives(&format!("make open x.pid {steps}"))?
                        .removed(&["x.pid"])?;
                }
                Ok(())
            },
        ),
    ])
}

/// The step in which the plugin does these.
fn with_a_plugin(mode: &str, steps: &str) -> String {
    format!(
        "plugin {mode} {} {steps} end",
        Scene::program(NEIGHBOUR).display()
    )
}

fn made_by_a_plugin(scene: &Scene, mode: &str) -> Checked {
    let make = with_a_plugin(mode, "make fopen_w x.pid borrow 15 query 15");
    for end in ["die return", "die abort", "raise 15"] {
        scene.lives(&format!("{make} {end}"))?.removed(&["x.pid"])?;
    }
    for end in ENDS {
        let steps = with_a_plugin(mode, &format!("make rename x.pid die {end}"));
        scene.lives(&steps)?.removed(&["x.pid"])?;
    }
    Ok(())
}
