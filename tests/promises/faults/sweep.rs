//! A sweep one of whose system calls fails.

use std::fs;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::injection::{Call, ERRORS, Trace, failing, written_down};
use crate::answer::{Answer, ask};
use crate::guard::post::{guarded, kill, kill_guards};
use crate::number::abandoned;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "whichever_system_call_of_a_sweep_fails_no_living_pidfile_is_lost",
        ERRORS,
        |scene, error| {
            for call in calls(scene)? {
                let what = format!("{call:?} {error}");
                one(scene, &call, error).map_err(|failure| Failure::new(what, failure))?;
            }
            Ok(())
        },
    )
}

/// What a sweep leaves of what was stale, a sweep without faults removes.
pub(super) fn is_put_right(scene: &Scene, names: &[&str]) -> Checked {
    let answer = ask(scene, "sweep .")?;
    let names = names.iter().map(|name| file(name));
    let mut left = names.flat_map(|pidfile| {
        let name = pidfile
            .file_name()
            .unwrap_or_default()
            .display()
            .to_string();
        let aside = pidfile.with_file_name(format!(".{name}.pidward"));
        [Record::path(&pidfile), aside, pidfile]
    });
    match left.find(|file| file.symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(file) => Err(Failure::new(
            format!("{} is left", file.display()),
            format!("{answer:#?}\n{}", evidence()),
        )),
    }
}

/// stale.pid with a record, other.pid without one, and x.pid of a daemon that lives and was recorded.
fn stage(scene: &Scene) -> Checked<crate::legacy::Legacy> {
    let dead = abandoned(scene)?;
    let text = format!("{dead}\n");
    let (record, stale) = (Record::path(&file("x.pid")), file("stale.pid"));
    let kept = fs::read(&record).doing("read the record")?;
    let (daemon, _, _) = {
        let old = fs::read(file("x.pid")).doing("read the pidfile")?;
        let guarded = guarded(scene)?;
        fs::write(&stale, old).doing("write a stale one")?;
        guarded
    };
    fs::write(Record::path(&stale), kept).doing("write a stale record")?;
    fs::write(file("other.pid"), text).doing("write another")?;
    Ok(daemon)
}

fn calls(scene: &Scene) -> Checked<Vec<Call>> {
    let daemon = stage(scene)?;
    Answer::of(written_down(&pidward(scene, &["sweep", "."])))?;
    kill(daemon)?;
    // Behind what the loader does.
    Trace::read()?.between("prlimit64(", None)
}

fn one(scene: &Scene, call: &Call, error: &str) -> Checked {
    let daemon = stage(scene)?;
    let answer = Answer::of(failing(&pidward(scene, &["sweep", "."]), call, error))?;
    let is_well = matches!(answer.code, Some(0 | 1 | 4)) && !answer.err.contains("panicked");
    if !is_well {
        return Err(Failure::new("another end", format!("{answer:#?}")));
    }
    let lives = file("x.pid").exists() && Record::path(&file("x.pid")).exists();
    if daemon.process.is_dead() || !lives {
        return Err(Failure::new(
            "the living one's is gone",
            format!("{answer:#?}"),
        ));
    }
    // What stays is told.
    for name in ["stale.pid", "other.pid"] {
        let is_told = answer.out.contains(name) || !answer.err.is_empty();
        if file(name).exists() && !is_told {
            return Err(Failure::new(
                format!("{name} stays, untold"),
                format!("{answer:#?}"),
            ));
        }
    }
    is_put_right(scene, &["stale.pid", "other.pid"])?;
    kill_guards()?;
    kill(daemon).map(drop)
}
