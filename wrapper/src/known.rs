//! The links to recorded pidfiles: they tell of those that lie outside /run.

use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::state;

/// Where guards leave their links.
const LINKS: &str = "known";

/// The pidfiles that guards have recorded: root's, and the caller's own.
pub(crate) fn pidfiles(environment: &Environment) -> Vec<PathBuf> {
    let directories = state::directories(LINKS, environment);
    let mut pidfiles: Vec<PathBuf> = directories.flat_map(|it| links(&it)).collect();
    pidfiles.sort();
    pidfiles
}

/// A link that leads to no pidfile any more.
#[derive(Debug)]
pub(crate) struct Dangling {
    /// The link.
    pub(crate) link: PathBuf,
    /// Where the pidfile was.
    pub(crate) pidfile: PathBuf,
}

/// The links whose pidfile and record are gone from a directory that is there. Where there is no such directory, it may be
/// one that is not mounted yet.
pub(crate) fn dangling(environment: &Environment) -> impl Iterator<Item = Dangling> {
    let entries = state::directories(LINKS, environment).flat_map(|directory| {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        entries.flatten()
    });
    let links = entries.filter_map(|entry| {
        let pidfile = std::fs::read_link(entry.path()).ok()?;
        let link = entry.path();
        Some(Dangling { link, pidfile })
    });
    links.filter(Dangling::leads_nowhere)
}

impl Dangling {
    fn leads_nowhere(&self) -> bool {
        let mut record = self.pidfile.as_os_str().to_owned();
        record.push(".ward");
        let is_there = |path: &Path| !matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound);
        let directory = self.pidfile.parent();
        self.pidfile.is_absolute()
            && directory.is_some_and(Path::is_dir)
            && !is_there(&self.pidfile)
            && !is_there(record.as_ref())
    }

    /// Removes the link. `false` when there is a pidfile again.
    ///
    /// # Errors
    /// Why it stays.
    pub(crate) fn remove(&self) -> io::Result<bool> {
        std::fs::remove_file(&self.link)?;
        if self.leads_nowhere() {
            return Ok(true);
        }
        // A guard that came just now found the link there, and did not make its own.
        match symlink(&self.pidfile, &self.link) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(false),
        }
    }
}

/// Where guards that run with our rights leave their links; made if it is not there yet, where we may.
pub(crate) fn directory(environment: &Environment) -> Option<PathBuf> {
    state::own(LINKS, environment)
}

/// What the links in the directory lead to. A directory that is not there, or not for us to read, has none.
pub(crate) fn links(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|target| target.is_absolute())
        .collect()
}
