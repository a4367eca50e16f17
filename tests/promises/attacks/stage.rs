//! Where the swaps happen: a daemon whose user owns its pidfile's directory, a victim of root's, and what that user can
//! swap.

use std::fs::{self, File, FileTimes};

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing};
use pidward_tests::process::Process;
use pidward_tests::record::Record;

use super::{
    daemon_of_mallory, directory_of_mallory, link_as_mallory, mallory, move_as_mallory,
    write_as_mallory,
};
use crate::guard::post::{Post, daemon, guard, leaves, ready, start};
use crate::legacy::Legacy;
use crate::scene::{Scene, file};

/// What is swapped, and how.
pub(super) type Swap<T, S = ()> = (&'static str, fn(&T) -> Checked<S>);

/// What the attacker swaps so that the pidfile means the victim.
pub(super) const SWAPS: [Swap<Stage>; 4] = [
    ("another_file", Stage::rename_over),
    ("another_text", Stage::rewrite),
    ("another_record", Stage::forge_record),
    ("another_directory", Stage::swap_directory),
];

/// A daemon with a record in a directory of its user's, and a victim of root's with both elsewhere; the guards are gone.
pub(super) struct Stage {
    pub(super) daemon: Legacy,
    pub(super) victim: Legacy,
    /// When the pidfile was written.
    written: FileTimes,
    record: Vec<u8>,
}

impl Stage {
    pub(super) fn set(scene: &Scene) -> Checked<Self> {
        scene.clear()?;
        directory_of_mallory("app")?;
        fs::create_dir(file("other")).doing("make a directory")?;
        let steps = "set sigaction 10 SIG_IGN 0 make open app/x.pid say ready hear";
        let victim = ready(daemon("make open other/x.pid say ready hear"))?;
        let daemon = daemon_of_mallory(steps)?;
        record(scene, "app", daemon.process.pid)?;
        record(scene, "other", victim.process.pid)?;
        let written = file("app/x.pid").metadata().doing("the file")?;
        let written = written.modified().doing("its time")?;
        let written = FileTimes::new().set_modified(written);
        let record = fs::read(file("app/x.pid.ward")).doing("the record")?;
        Ok(Self {
            daemon,
            victim,
            written,
            record,
        })
    }

    fn victims_number(&self) -> String {
        format!("{}\n", self.victim.process.pid)
    }

    pub(super) fn rename_over(&self) -> Checked {
        move_as_mallory("app/x.pid", "app/kept")?;
        write_as_mallory("app/x.pid", &self.victims_number())
    }

    pub(super) fn rewrite(&self) -> Checked {
        mallory("printf %s \"$1\" >app/x.pid", &[&self.victims_number()])
    }

    /// The victim's own record, made to fit the attacker's file.
    pub(super) fn forge_record(&self) -> Checked {
        self.rename_over()?;
        if file("app/x.pid.ward").exists() {
            move_as_mallory("app/x.pid.ward", "app/kept.ward")?;
        }
        let record = fs::read_to_string(file("other/x.pid.ward")).doing("a record")?;
        let forged = Record::bound_to(&record, &file("app/x.pid"))?;
        write_as_mallory("app/x.pid.ward", &forged)
    }

    pub(super) fn swap_directory(&self) -> Checked {
        move_as_mallory("app", "away")?;
        link_as_mallory("app", "other")
    }

    /// Puts back what was swapped.
    pub(super) fn restore(&self) -> Checked {
        if file("away").exists() {
            fs::remove_file(file("app")).doing("remove the link")?;
            fs::rename(file("away"), file("app")).doing("put the directory back")?;
        }
        for (kept, name) in [
            ("app/kept", "app/x.pid"),
            ("app/kept.ward", "app/x.pid.ward"),
        ] {
            if file(kept).exists() {
                fs::rename(file(kept), file(name)).doing("put it back")?;
            }
        }
        let pidfile = File::options()
            .write(true)
            .open(file("app/x.pid"))
            .doing("the file")?;
        let number = format!("{}\n", self.daemon.process.pid);
        if fs::read_to_string(file("app/x.pid")).doing("the file")? != number {
            fs::write(file("app/x.pid"), number).doing("put the number back")?;
        }
        pidfile.set_times(self.written).doing("put its time back")
    }

    /// Puts root's record of the daemon back, whatever is in its place.
    pub(super) fn put_record_back(&self) -> Checked {
        let record = file("app/x.pid.ward");
        let _ = fs::remove_file(&record);
        fs::write(&record, &self.record).doing("put the record back")
    }
}

/// Has it recorded, and the guard killed.
fn record(scene: &Scene, directory: &str, pid: i32) -> Checked {
    let post = Post::in_directory(file(directory), "x.pid")?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard: Process = post.recorded(pid)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)
}
