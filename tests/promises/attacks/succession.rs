//! A successor comes while the pidfile of a dead daemon is removed: it makes its own, or writes the one that is there.
//! Or else the directory is another.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;

use pidward_tests::failure::{Checked, Doing, Failure};

use super::stage::Swap;
use super::{directory_of_mallory, link_as_mallory, move_as_mallory, write_as_mallory};
use crate::legacy::Legacy;
use crate::scene::file;

/// Whether it was to be had: while a lease is held, for the time of one system call, who opens the file waits.
pub(super) type Swapped = bool;

/// What happens when a daemon is dead.
pub(super) const SUCCESSIONS: [Swap<Legacy, Swapped>; 3] = [
    ("another_file", new_file),
    ("another_text", new_text),
    ("another_directory", new_directory),
];

/// Makes the attacker's directory anew, and nothing in it.
pub(super) fn clear() -> Checked {
    for gone in ["app", "away"] {
        let _ = fs::remove_file(file(gone));
        let _ = fs::remove_dir_all(file(gone));
    }
    directory_of_mallory("app")
}

/// What is not the dead one's is where it was: the successor's pidfile, and root's file in the other directory.
pub(super) fn is_kept(new: &Legacy, swapped: Swapped, others: &str, what: &str) -> Checked {
    if fs::read_to_string(file("other/x.pid")).is_ok_and(|text| text == others) {
        let is_away = file("away").exists();
        let now = fs::read_to_string(file("app/x.pid")).unwrap_or_default();
        return match is_away || !swapped || now == format!("{}\n", new.process.pid) {
            true => Ok(()),
            false => Err(Failure::new("removed the next one's pidfile", what)),
        };
    }
    Err(Failure::new("removed another directory's file", what))
}

/// A new instance has made its own.
fn new_file(new: &Legacy) -> Checked<Swapped> {
    write_as_mallory("app/x.pid", &format!("{}\n", new.process.pid)).map(|()| true)
}

/// A new instance has written its number.
pub(super) fn new_text(new: &Legacy) -> Checked<Swapped> {
    let Some(mut pidfile) = open(true)? else {
        return Ok(false);
    };
    writeln!(pidfile, "{}", new.process.pid).doing("write the file")?;
    Ok(true)
}

/// Opens the file as a daemon does that is to write it; none where that would have to wait.
pub(super) fn open(truncate: bool) -> Checked<Option<File>> {
    let mut options = File::options();
    options
        .write(true)
        .create(true)
        .truncate(truncate)
        .custom_flags(libc::O_NONBLOCK);
    match options.open(file("app/x.pid")) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        pidfile => pidfile.doing("open the file").map(Some),
    }
}

/// The directory is another one, in which the same number stands.
fn new_directory(_: &Legacy) -> Checked<Swapped> {
    move_as_mallory("app", "away")?;
    link_as_mallory("app", "other").map(|()| true)
}
