//! Whoever can read a record can lock it. That makes him no guard.

use std::os::unix::fs::MetadataExt;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;

use super::daemon_of_mallory;
use crate::answer::ask;
use crate::guard::post::{Post, guard, guarded, kill, leaves, start};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::Scene;

/// The locks that a descriptor for reading is enough for.
const LOCKS: &[&str] = &["flock", "posix_to_read"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    [
        Promise::each(
            "a_strangers_lock_on_a_record_keeps_no_guard_out",
            LOCKS,
            |scene, lock| keeps_out_no_guard(scene, lock, &[]),
        ),
        Promise::each(
            "so_it_is_with_one_that_the_user_asked_for",
            LOCKS,
            |scene, lock| keeps_out_no_guard(scene, lock, &["--named"]),
        ),
    ]
    .into_iter()
    .flatten()
    .chain(Promise::each(
        "a_strangers_lock_on_a_record_is_no_guard_to_adopt",
        LOCKS,
        adopts,
    ))
    .chain(Promise::each(
        "a_strangers_lock_on_a_record_is_no_guard_to_doctor",
        LOCKS,
        is_none_at_work,
    ))
    .chain(Promise::each(
        "a_strangers_lock_on_a_record_does_not_keep_the_pidfile",
        LOCKS,
        is_swept,
    ))
}

/// A daemon of root's whose guard was killed, and another user with a lock on what that has left.
struct Locked {
    daemon: Legacy,
    mallory: Legacy,
    post: Post,
    record: u64,
}

impl Locked {
    fn set(scene: &Scene, lock: &str) -> Checked<Self> {
        let (daemon, guard, post) = guarded(scene)?;
        guard.signal(Signal::SIGKILL).doing("kill the guard")?;
        leaves(&guard)?;
        let mallory = daemon_of_mallory(&format!(
            "hold_to_read x.pid.ward lock {lock} say ready hear"
        ))?;
        let record = Record::path(&post.pidfile).metadata().doing("the record")?;
        Ok(Self {
            daemon,
            mallory,
            post,
            record: record.ino(),
        })
    }

    /// The daemon has a guard now, with a record that everybody can read and the other has no lock on.
    fn ends_guarded(self) -> Checked {
        let guard: Process = self.post.until("recorded anew", || {
            let record = Record::path(&self.post.pidfile).metadata().ok()?;
            let text = Record::read(&self.post.pidfile)?;
            let is_new = record.ino() != self.record && record.mode() & 0o7777 == 0o644;
            text.number("guard")
                .filter(|_| is_new)
                .and_then(Process::living)
        })?;
        kill(self.daemon)?;
        self.post.cleared()?;
        leaves(&guard)?;
        kill(self.mallory).map(drop)
    }
}

fn keeps_out_no_guard(scene: &Scene, lock: &str, options: &[&str]) -> Checked {
    let locked = Locked::set(scene, lock)?;
    start(guard(scene, options, &locked.post.pidfile))?;
    locked.ends_guarded()
}

fn adopts(scene: &Scene, lock: &str) -> Checked {
    let locked = Locked::set(scene, lock)?;
    ask(scene, "adopt x.pid")?.is_line(0, "adopted", "")?;
    locked.ends_guarded()
}

fn is_none_at_work(scene: &Scene, lock: &str) -> Checked {
    let locked = Locked::set(scene, lock)?;
    let answer = ask(scene, "doctor x.pid")?;
    let is_none = answer.out.contains("not at work: none guards this pidfile");
    answer.is(answer.code.unwrap_or(-1), is_none, "no guard")?;
    kill(locked.daemon)?;
    kill(locked.mallory).map(drop)
}

fn is_swept(scene: &Scene, lock: &str) -> Checked {
    let locked = Locked::set(scene, lock)?;
    kill(locked.daemon)?;
    ask(scene, "sweep x.pid")?.is_line(0, "removed", "")?;
    if locked.post.is_there() {
        return Err(Failure::new("left the pidfile", "x.pid"));
    }
    // What a guard may have locked stays, until nobody has it locked.
    kill(locked.mallory)?;
    ask(scene, "sweep .")?;
    match locked.post.has_record() {
        true => Err(Failure::new("left the record", "x.pid.ward")),
        false => Ok(()),
    }
}
