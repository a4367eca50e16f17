//! Compare-and-remove: the only unlink of a pidfile, for shim, guard and sweep.
//!
//! The file goes only if it is a regular file that still holds the dead process's PID, and nobody else holds a
//! lock on it or is about to write it. Then it is moved aside, all that is asked again under that name, which no daemon
//! opens, and it is unlinked, or put back when it turns out to be somebody else's. So a new instance's pidfile survives the
//! old one's death, even when it comes between two system calls of ours.
#![expect(clippy::disallowed_methods, reason = "the one room that unlinks")]

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::held::{self, Held};
use crate::lock;
use crate::pid::Pid;
use crate::pidfile::{Look, Name, NoLook, Pidfile, Version, id, is_regular};
use crate::read;
use crate::record;

/// Why a pidfile stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// There is none, or it went while we looked.
    Missing,
    /// It is no regular file, or cannot be read.
    NotReadable(NoLook),
    /// It holds something else than this process's PID: it is a new owner's.
    NotHis,
    /// Somebody holds a lock on it.
    Locked,
    /// Somebody has it open for writing: a new instance, or a child of the dead process, which is about to
    /// write its own PID there.
    Open,
    /// What a crash left under the aside name is in the way, and it names a process that may live.
    AsideTaken,
    /// The directory lets us not.
    Denied(Errno),
}

/// What it means that somebody has the pidfile open for writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writers {
    /// That it may be written any moment.
    MayWrite,
    /// Nothing any more: there was time enough to write.
    HadTheirTime,
}

/// Removes the pidfile of a process that is dead, or is the calling process in its last moments.
///
/// # Errors
/// [`Kept`]: why it stays.
pub fn pidfile_of(dead: Pid, pidfile: &Pidfile<'_>, writers: Writers) -> Result<(), Kept> {
    remove(dead, None, pidfile, writers)
}

/// Removes a pidfile that was found stale, and is as it was then. When it is not, a process that has got the same number
/// since may have written it.
///
/// # Errors
/// [`Kept`]: why it stays.
pub fn stale(
    dead: Pid,
    version: Version,
    pidfile: &Pidfile<'_>,
    writers: Writers,
) -> Result<(), Kept> {
    remove(dead, Some(version), pidfile, writers)
}

fn remove(
    dead: Pid,
    version: Option<Version>,
    pidfile: &Pidfile<'_>,
    writers: Writers,
) -> Result<(), Kept> {
    let look = pidfile.look().map_err(|no_look| match no_look {
        NoLook::Missing => Kept::Missing,
        NoLook::NotRegular | NoLook::Unreadable(_) => Kept::NotReadable(no_look),
    })?;
    if look.pid != Ok(dead) || version.is_some_and(|version| version != look.version()) {
        return Err(Kept::NotHis);
    }
    may_go(&look, dead, writers)?;
    let aside = pidfile
        .aside_name()
        .ok_or(Kept::Denied(Errno::NAMETOOLONG))?;
    move_aside(pidfile, &aside, dead)?;
    // Who has opened it since the first question has it open still, or has written it by now: nobody opens it under the
    // name that it has here.
    let is_still = || pidfile.is_still(aside.as_c_str(), &look);
    let kept = match may_go(&look, dead, writers).map(|()| is_still()) {
        Ok(Ok(true)) => return unlink(pidfile, aside.as_c_str()),
        Ok(Ok(false)) => Kept::NotHis,
        Ok(Err(error)) => Kept::Denied(error),
        Err(kept) => kept,
    };
    match rename(pidfile, aside.as_c_str(), pidfile.name()) {
        Ok(()) => Err(kept),
        // Yet another instance has made its own meanwhile: what we hold was overtaken, as it would have been
        // had it stayed in place.
        Err(Errno::EXIST) => unlink(pidfile, aside.as_c_str()).and(Err(Kept::NotHis)),
        Err(error) => Err(Kept::Denied(error)),
    }
}

/// Whether nobody else holds a lock on the file, or is about to write it.
fn may_go(look: &Look, dead: Pid, writers: Writers) -> Result<(), Kept> {
    match held::by_others(look, dead == Pid::this_process()) {
        Held::Locked => Err(Kept::Locked),
        Held::Open if writers == Writers::MayWrite => Err(Kept::Open),
        Held::Open | Held::Free => Ok(()),
    }
}

/// Removes the record beside a pidfile that is no more, unless a guard is at work there: what begins as a record does, or else
/// is empty, as of a guard that was killed before its pidfile came, and that is enough. No other file goes because it is
/// called so.
///
/// # Errors
/// [`Kept`]: why it stays. `NotHis`, when it is no record.
pub fn orphan_of(pidfile: &Pidfile<'_>, empty_is_enough: bool) -> Result<(), Kept> {
    record_if(pidfile, |file| is_a_record(file, empty_is_enough), unlink)
}

/// Whether it would be removed.
#[must_use]
pub fn is_orphan(pidfile: &Pidfile<'_>, empty_is_enough: bool) -> bool {
    let spared = |_: &Pidfile<'_>, _: &CStr| Ok(());
    record_if(pidfile, |file| is_a_record(file, empty_is_enough), spared).is_ok()
}

fn is_a_record(file: BorrowedFd<'_>, empty_is_enough: bool) -> bool {
    let mut beginning = [0; record::BEGINNING.len()];
    let text = read::up_to(file, &mut beginning).unwrap_or(b"-");
    (text.is_empty() && empty_is_enough) || text == record::BEGINNING
}

fn record_if(
    pidfile: &Pidfile<'_>,
    is_one: impl FnOnce(BorrowedFd<'_>) -> bool,
    then: impl FnOnce(&Pidfile<'_>, &CStr) -> Result<(), Kept>,
) -> Result<(), Kept> {
    let Some(name) = pidfile.record_name() else {
        return Ok(());
    };
    let name = name.as_c_str();
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let record = match rustix::fs::openat(pidfile.directory(), name, flags, Mode::empty()) {
        Ok(record) => record,
        Err(Errno::NOENT) => return Ok(()),
        Err(Errno::LOOP) => return Err(Kept::NotHis),
        Err(error) => return Err(Kept::Denied(error)),
    };
    let stat = rustix::fs::fstat(&record).map_err(Kept::Denied)?;
    if !is_regular(&stat) {
        return Err(Kept::NotHis);
    }
    // What was put aside may go back, and the record is still its.
    let is_aside = |name: Name| pidfile.id_of(name.as_c_str()).is_ok();
    if pidfile.aside_name().is_some_and(is_aside) || !is_one(record.as_fd()) {
        return Err(Kept::NotHis);
    }
    let unless_held = lock::unless_held(record, || {
        if pidfile.id_of(pidfile.name()).is_ok() || pidfile.id_of(name) != Ok(id(&stat)) {
            return Err(Kept::NotHis);
        }
        then(pidfile, name)
    });
    unless_held.unwrap_or(Err(Kept::Locked))
}

/// What came of putting a pidfile back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutBack {
    /// It is under its name again.
    InPlace,
    /// Another instance has made its own meanwhile, which would have overwritten it. It is removed.
    Overtaken,
}

/// Puts a pidfile back that an interrupted removal has left under this aside name.
///
/// # Errors
/// [`Kept`]: why it stays where it is.
pub fn put_back(pidfile: &Pidfile<'_>, aside: &CStr) -> Result<PutBack, Kept> {
    match rename(pidfile, aside, pidfile.name()) {
        Ok(()) => Ok(PutBack::InPlace),
        Err(Errno::EXIST) => unlink(pidfile, aside).map(|()| PutBack::Overtaken),
        Err(Errno::NOENT) => Err(Kept::Missing),
        Err(error) => Err(Kept::Denied(error)),
    }
}

fn move_aside(pidfile: &Pidfile<'_>, aside: &Name, dead: Pid) -> Result<(), Kept> {
    let moved = rename(pidfile, pidfile.name(), aside.as_c_str()).or_else(|error| {
        // A crash in the middle of a removal left its file there. When it is this very process's, it goes
        // with the other; anything else is the sweep's to judge.
        let leftover_is_his = || {
            pidfile
                .look_at(aside.as_c_str())
                .is_ok_and(|look| look.pid == Ok(dead))
        };
        if error == Errno::EXIST && leftover_is_his() {
            rustix::fs::unlinkat(pidfile.directory(), aside.as_c_str(), AtFlags::empty())?;
            rename(pidfile, pidfile.name(), aside.as_c_str())
        } else {
            Err(error)
        }
    });
    moved.map_err(|error| match error {
        Errno::NOENT => Kept::Missing,
        Errno::EXIST => Kept::AsideTaken,
        error => Kept::Denied(error),
    })
}

/// Renames within the directory, never over a file that exists.
fn rename(pidfile: &Pidfile<'_>, from: &CStr, to: &CStr) -> Result<(), Errno> {
    let directory = pidfile.directory();
    match rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
        // Before Linux 3.15, and on file systems that do not know the flag. What is left of the comparison is
        // a look before the rename.
        Err(Errno::NOSYS | Errno::INVAL) => match pidfile.id_of(to) {
            Err(Errno::NOENT) => rustix::fs::renameat(directory, from, directory, to),
            Err(error) => Err(error),
            Ok(_) => Err(Errno::EXIST),
        },
        renamed => renamed,
    }
}

fn unlink(pidfile: &Pidfile<'_>, name: &CStr) -> Result<(), Kept> {
    rustix::fs::unlinkat(pidfile.directory(), name, AtFlags::empty()).map_err(Kept::Denied)
}
