//! A sweep one of whose system calls fails.

use std::fs;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::injection::{Call, ERRORS, Trace, each, failing, written_down};
use crate::answer::{Answer, ask};
use crate::guard::post::{guarded, kill};
use crate::legacy::Legacy;
use crate::number::abandoned;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "whichever_system_call_of_a_sweep_fails_no_living_pidfile_is_lost",
        ERRORS,
        |scene, error| {
            let stage = Stage::set(scene)?;
            let calls = stage.calls(scene)?;
            each(&calls, error, |call| stage.one(scene, call, error))?;
            kill(stage.daemon).map(drop)
        },
    )
}

/// What a sweep leaves of what was stale, a sweep without faults removes.
pub(crate) fn is_put_right(scene: &Scene, names: &[&str]) -> Checked {
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

/// x.pid of a daemon that lives, and what is left by one that died unseen.
struct Stage {
    daemon: Legacy,
    number: Vec<u8>,
    record: Vec<u8>,
}

impl Stage {
    fn set(scene: &Scene) -> Checked<Self> {
        abandoned(scene)?;
        let number = fs::read(file("x.pid")).doing("read the pidfile")?;
        let record = fs::read(Record::path(&file("x.pid"))).doing("read the record")?;
        let (daemon, _, _) = guarded(scene)?;
        Ok(Self {
            daemon,
            number,
            record,
        })
    }

    /// stale.pid with a record, and other.pid without one.
    fn add_stale(&self) -> Checked {
        let record = Record::path(&file("stale.pid"));
        for (file, text) in [
            (file("stale.pid"), &self.number),
            (record, &self.record),
            (file("other.pid"), &self.number),
        ] {
            fs::write(&file, text).doing(file.display())?;
        }
        Ok(())
    }

    fn calls(&self, scene: &Scene) -> Checked<Vec<Call>> {
        self.add_stale()?;
        Answer::of(written_down(&pidward(scene, &["sweep", "."])))?;
        // Behind what the loader does.
        Trace::read()?.between("prlimit64(", None)
    }

    fn one(&self, scene: &Scene, call: &Call, error: &str) -> Checked {
        self.add_stale()?;
        let answer = Answer::of(failing(&pidward(scene, &["sweep", "."]), call, error))?;
        let is_well = matches!(answer.code, Some(0 | 1 | 4)) && !answer.err.contains("panicked");
        if !is_well {
            return Err(Failure::new("another end", format!("{answer:#?}")));
        }
        let lives = file("x.pid").exists() && Record::path(&file("x.pid")).exists();
        if self.daemon.process.is_dead() || !lives {
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
        is_put_right(scene, &["stale.pid", "other.pid"])
    }
}
