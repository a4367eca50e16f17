//! What holds while a daemon lives: a guard is at work for it, and the daemon does not notice.

use std::fs;
use std::path::Path;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::proc::{self, Seen};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::watch::{Watch, every_ten_milliseconds};
use pidward_tests::world::evidence;

use crate::left::{ONE_SECOND, only_guard};
use crate::life::parent;

/// Waits until the record beside the pidfile, as it is now, says that a guard is at work for this owner.
pub(crate) fn guard_of(pidfile: &Path, owner: &Process) -> Checked<Process> {
    let watch = Watch::on(&[parent(pidfile)])?;
    let complete = || {
        Record::read(pidfile)
            .filter(|record| record.number("pid") == Some(owner.pid) && record.is_of(pidfile))
    };
    let record = watch.until(Deadline::seconds(5), &[], complete);
    let record = record.ok_or_else(|| Failure::new("no record", seen_of_record(pidfile)))?;
    let guard = record.number("guard").and_then(Process::living);
    guard.ok_or_else(|| Failure::new("no guard", seen_of_record(pidfile)))
}

/// What a failure should show of a record.
pub(crate) fn seen_of_record(pidfile: &Path) -> String {
    let record = fs::read_to_string(Record::path(pidfile));
    format!("the record: {record:?}\n{}", evidence())
}

/// The daemon has no child, no zombie and no descriptor of ours, and we have none of its.
pub(crate) fn is_unnoticed(pidfile: &Path, owner: &Process, guard: &Process) -> Checked {
    only_guard(Some(guard.pid))?;
    let child = || {
        let is_ours = |seen: &Seen| {
            let ours = seen.is_pidward() || (seen.is_zombie() && seen.parent == owner.pid);
            ours && seen.parent != 1
        };
        proc::others().into_iter().find(is_ours)
    };
    // A zombie of the daemon's own goes by itself, and of that nothing tells.
    let deadline = Deadline::after(ONE_SECOND);
    let none = every_ten_milliseconds(deadline, || child().is_none().then_some(()));
    if none.is_none() {
        let message = format!("{:?} of {}\n{}", child(), owner.pid, evidence());
        return Err(Failure::new("the daemon has a child of ours", message));
    }
    let record = Record::path(pidfile);
    for descriptor in proc::descriptors(guard.pid) {
        let named = descriptor.leads_to.to_string_lossy();
        let anonymous = named.starts_with("anon_inode:") || named.starts_with("pidfd:");
        // Of the pidfile it needs one to read. The daemon's own is one to write.
        let read = descriptor.leads_to == pidfile && !descriptor.is_to_write;
        let known = read || descriptor.leads_to == record;
        if !anonymous && !known && !descriptor.leads_to.is_dir() {
            let message = format!("guard {}: {descriptor:?}", guard.pid);
            return Err(Failure::new("the guard holds a descriptor", message));
        }
    }
    Ok(())
}
