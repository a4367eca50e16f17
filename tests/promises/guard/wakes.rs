//! A guard does not wake up while nothing happens to its pidfile, whatever happens beside it.

use std::fs;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use super::post::{falls_asleep, guarded, kill, slept};
use crate::promise::Promise;
use crate::scene::{Scene, file, write};

/// What one change of the pidfile may wake it: the events of one write, and what it looks at anew.
const FEW: u64 = 6;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let name = "what_happens_beside_its_pidfile_does_not_wake_the_guard";
    [Promise::new(name, sleeps)].into_iter()
}

fn sleeps(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    let before = falls_asleep(guard.pid, 1)?;
    for number in 0..200 {
        let name = format!("{number}.pid");
        write(&name, "1\n")?;
        fs::remove_file(file(&name)).doing("remove it")?;
    }
    // Long enough for a timer of its own, if it had one.
    post.stays()?;
    let meanwhile = slept(guard.pid)?.0;
    let record = fs::read(Record::path(&post.pidfile)).doing("read the record")?;
    // It does wake up for this. By then it would have for all that came before.
    write("x.pid", format!("{}\n\n", daemon.process.pid))?;
    post.until("recorded anew", || {
        let now = fs::read(Record::path(&post.pidfile)).ok()?;
        (now != record && now.ends_with(b"end\n")).then_some(())
    })?;
    let after = falls_asleep(guard.pid, before + 1)?;
    if meanwhile != before || after > before + FEW {
        let evidence = format!("slept {before} times before, {meanwhile} meanwhile, {after} after");
        return Err(Failure::new("wakes up", evidence));
    }
    kill(daemon)?;
    post.cleared()
}
