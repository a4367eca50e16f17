//! The promises of `pidward sweep`, and of the sweep before `run`: what is proven stale goes, and nothing else.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::watch::Watch;
use pidward_tests::world::evidence;

use crate::promise::Promise;
use crate::scene::file;

mod boot;
mod interrupted;
mod journal;
mod json;
mod memory;
mod own_number;
mod power_cut;
mod reach;
mod removal;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = Vec::new();
    all.extend(removal::promises());
    all.extend(interrupted::promises());
    all.extend(reach::promises());
    all.extend(json::promises());
    all.extend(journal::promises());
    all.extend(own_number::promises());
    all.extend(power_cut::promises());
    all.extend(memory::promises());
    all.extend(boot::promises());
    all
}

/// A number that no process has: above the highest there is, proc_sys_kernel(5).
const NOBODY: &str = "2147483647\n";

/// Whether there is anything under this name in the daemon's directory.
fn is_there(name: &str) -> bool {
    file(name).symlink_metadata().is_ok()
}

/// Of these files, the first ones are gone and the others there.
fn gone_and_there(gone: &[&str], there: &[&str]) -> Checked {
    let wrong = |what: &str, name: &&str| Failure::new(format!("{name} {what}"), evidence());
    if let Some(name) = gone.iter().find(|name| is_there(name)) {
        return Err(wrong("stayed", name));
    }
    if let Some(name) = there.iter().find(|name| !is_there(name)) {
        return Err(wrong("is gone", name));
    }
    Ok(())
}

/// Makes a file as it would be after a crash some time ago: not just now.
fn write_long_ago(name: &str, text: &str) -> Checked {
    crate::scene::write(name, text)?;
    grows_old(&file(name))
}

/// Waits until a file was not changed just now: its time of change cannot be set. No event tells that time passes.
fn grows_old(path: &Path) -> Checked {
    use std::os::unix::fs::MetadataExt;
    let changed = fs::metadata(path).doing("when was it changed")?.ctime();
    let age = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |it| it.as_secs());
        i64::try_from(now).unwrap_or_default() - changed
    };
    // Nothing changes below /proc/sys, so that this is the time alone.
    let watch = Watch::on(&[Path::new("/proc/sys")])?;
    while age() < 3 {
        let _: Option<()> = watch.until(Deadline::after(Duration::from_millis(100)), &[], || None);
    }
    Ok(())
}

/// Kills a guard alone.
fn kill_guard(guard: &pidward_tests::process::Process) -> Checked {
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    crate::guard::post::leaves(guard)
}
