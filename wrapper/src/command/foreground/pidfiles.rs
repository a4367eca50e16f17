//! Which pidfile says who the daemon is: the first one that was named, else the one of what a guard in our tree has
//! recorded.
//!
//! The shim starts a guard for each pidfile that it sees made, and the guard leaves a link to it where the known ones
//! are. That is watched. A guard whose rights do not allow it to leave one is found among our children.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use pidward_identity::pid::Pid;

use super::descriptor;
use super::owner::{Owner, Version};
use super::reaping;
use super::watch::Watch;
use crate::environment::Environment;
use crate::known;
use crate::place::Place;
use crate::say;

/// The pidfiles of the daemon.
pub(super) struct Pidfiles {
    /// The first one is the main one. Without any, they are to be learned.
    places: Vec<Place>,
    /// The main one as it was before the command.
    before: Option<Version>,
    /// Where links to recorded ones come to be.
    known: Option<(PathBuf, File)>,
}

impl Pidfiles {
    /// Of a command that is about to be started with these named.
    pub(super) fn new(places: Vec<Place>, environment: &Environment) -> Self {
        let known = if places.is_empty() {
            known_directory(environment)
        } else {
            None
        };
        Self {
            before: places.first().and_then(Version::at),
            places,
            known,
        }
    }

    /// Whether the daemon's pidfile is known, by name or because it was learned.
    pub(super) fn are_known(&self) -> bool {
        !self.places.is_empty()
    }

    /// The main one and the others.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Looks for the process that has the main one now.
    pub(super) fn owner(&mut self) -> Option<Owner> {
        if let Some(main) = self.places.first() {
            return Owner::living(main, self.before);
        }
        let links = self.known.iter().flat_map(|(path, _)| known::links(path));
        let recorded = links.chain(reaping::guarded()).filter_map(|path| {
            let place = Place::of(&path).ok()?;
            Some((Owner::recorded(&place)?, place))
        });
        // Of several daemons the one that was started first: the others may be its children's.
        let (owner, place) = recorded.min_by(|(one, its), (other, others)| {
            (one.started, &its.path).cmp(&(other.started, &others.path))
        })?;
        self.places.push(place);
        self.known = None;
        Some(owner)
    }

    /// The dead child, not reaped yet, that has the main one.
    pub(super) fn dead_owner(&self, child: Pid) -> Option<Owner> {
        Owner::dead(self.places.first()?, self.before, child)
    }

    /// Watches where it can show that another process has it: in the file that names `owner`, else in its directory.
    /// `true` when it was not watched before.
    pub(super) fn watch(&self, watch: &mut Watch, owner: Option<&Owner>) -> bool {
        if let Some(file) = owner.and_then(Owner::file) {
            return watch.arm(file);
        }
        if let Some(main) = self.places.first() {
            let directory = main.open();
            return directory.is_ok_and(|pidfile| watch.arm(descriptor::of(&pidfile.directory())));
        }
        self.known
            .as_ref()
            .is_some_and(|(_, directory)| watch.arm(directory.as_fd()))
    }

    /// Forgets what has happened where `watch` watches. Whether it was about a pidfile.
    pub(super) fn drain(&self, watch: &Watch) -> bool {
        watch.drain(self.places.first().and_then(|main| main.path.file_name()))
    }

    /// Whether there is anything to be watched.
    pub(super) fn can_come(&self) -> bool {
        self.are_known() || self.known.is_some()
    }
}

fn known_directory(environment: &Environment) -> Option<(PathBuf, File)> {
    let Some(path) = known::directory(environment) else {
        say::foreground::learns_nothing(None, Errno::ENOENT);
        return None;
    };
    match directory(&path) {
        Ok(directory) => Some((path, directory)),
        Err(error) => {
            let number = error.raw_os_error().unwrap_or_default();
            say::foreground::learns_nothing(Some(&path), Errno::from_raw(number));
            None
        }
    }
}

fn directory(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC);
    options.open(path)
}
