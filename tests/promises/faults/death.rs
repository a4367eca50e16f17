//! A dying daemon one of whose shim's system calls fails.

use pidward_tests::failure::{Checked, Failure};

use super::injection::{Call, ERRORS, Trace, each, failing, written_down};
use super::sweep::is_put_right;
use crate::compare::NO_GUARD;
use crate::guard::post::daemon;
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::Scene;

/// Deaths, and how they look.
const DEATHS: [(&str, &str); 3] = [
    ("die exit", "exit status: 7"),
    ("raise 15", "signal: 15 (SIGTERM)"),
    ("die abort", "signal: 6 (SIGABRT)"),
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "whichever_system_call_of_the_shim_fails_the_daemon_dies_as_it_would",
        ERRORS,
        |scene, error| {
            scene.without_cores()?;
            DEATHS.into_iter().try_for_each(|(death, status)| {
                let calls = calls(scene, death)?;
                each(&calls, error, |call| {
                    one(scene, (death, status), call, error)
                })
            })
        },
    )
}

fn dying(scene: &Scene, death: &str) -> std::process::Command {
    let mut command = daemon(&format!("make open x.pid {death}"));
    command.env("LD_PRELOAD", &scene.library).envs([NO_GUARD]);
    command
}

/// The shim's, from where the pidfile was made; the daemon's own are to write its number, and to die.
fn calls(scene: &Scene, death: &str) -> Checked<Vec<Call>> {
    scene.clear()?;
    Legacy::start(written_down(&dying(scene, death)))?.end()?;
    let mut calls = Trace::read()?.between("x.pid\", O_WRONLY", None)?;
    calls.retain(|call| !matches!(&*call.name, "write" | "tgkill" | "tkill"));
    Ok(calls)
}

fn one(scene: &Scene, (death, status): (&str, &str), call: &Call, error: &str) -> Checked {
    scene.clear()?;
    let ended = Legacy::start(failing(&dying(scene, death), call, error))?.end()?;
    if ended.status.to_string() != status {
        return Err(Failure::new("another end", format!("{ended:#?}")));
    }
    is_put_right(scene, &["x.pid"])
}
