//! Which pidfiles a path means: the path itself, or what lies in the directory that it is.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::distinct::Distinct;
use crate::environment::Environment;
use crate::known;
use crate::place::{Key, NoPlace, Place};

/// Where daemons keep their pidfiles.
pub(crate) const USUAL: [&str; 2] = ["/run", "/var/run"];

/// A pidfile to look at.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) place: Place,
    /// The user named it himself, so it is worth a line even when it is not there.
    pub(crate) named: bool,
}

/// A directory whose pidfiles cannot be listed.
#[derive(Debug)]
pub(crate) struct Hidden {
    /// Which.
    pub(crate) directory: PathBuf,
    /// Why.
    pub(crate) error: io::Error,
    /// The user named it himself.
    pub(crate) named: bool,
}

/// Pidfiles, each once, in the order of the paths and of their names.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// The pidfiles.
    pub(crate) found: Vec<Found>,
    /// What could not be searched.
    pub(crate) hidden: Vec<Hidden>,
    files: Distinct,
    directories: BTreeSet<(u64, u64)>,
}

impl Search {
    /// The pidfiles that the user named, and those in the directories he named.
    pub(crate) fn named(paths: &[PathBuf]) -> Self {
        let mut search = Self::default();
        for path in paths {
            match Place::of(path) {
                Ok(place) if !path.is_dir() => search.add(place, true),
                Ok(Place { path, .. }) => search.directory(path, true),
                // Absolute, so that none of what is in it is made so by itself.
                Err(NoPlace::Directory) => {
                    let directory = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                    search.directory(directory, true);
                }
                Err(NoPlace::NoCurrentDirectory(error)) => search.hidden.push(Hidden {
                    directory: path.clone(),
                    error,
                    named: true,
                }),
            }
        }
        search
    }

    /// The pidfiles in the usual directories, and the recorded ones.
    pub(crate) fn usual(environment: &Environment) -> Self {
        let mut search = Self::default();
        for directory in USUAL {
            search.directory(PathBuf::from(directory), false);
        }
        for path in known::pidfiles(environment) {
            if let Ok(place) = Place::of(&path) {
                search.add(place, false);
            }
        }
        search
    }

    fn add(&mut self, place: Place, named: bool) {
        if self.files.insert(&place) {
            self.found.push(Found { place, named });
        }
    }

    /// Adds what lies in the directory and below, on the same mount, without following links.
    fn directory(&mut self, top: PathBuf, named: bool) {
        let device = fs::metadata(&top).map(|top| top.dev()).ok();
        let mut below = vec![top.clone()];
        while let Some(directory) = below.pop() {
            let named = named && directory == top;
            match self.list(&directory, device) {
                // The last one is taken next.
                Ok(subdirectories) => below.extend(subdirectories.into_iter().rev()),
                // It has just gone, or this system has none.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !named => {}
                Err(error) => self.hidden.push(Hidden {
                    directory,
                    error,
                    named,
                }),
            }
        }
    }

    /// Adds the pidfiles in this directory; gives the directories in it.
    fn list(&mut self, directory: &Path, device: Option<u64>) -> io::Result<Vec<PathBuf>> {
        let own = fs::metadata(directory)?;
        if Some(own.dev()) != device || !self.directories.insert((own.dev(), own.ino())) {
            return Ok(Vec::new());
        }
        let mut entries: Vec<DirEntry> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(DirEntry::file_name);
        let mut subdirectories = Vec::new();
        for entry in entries {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => subdirectories.push(entry.path()),
                Ok(kind) if kind.is_file() && is_pidfiles(entry.file_name().as_bytes()) => {
                    if let Ok(place) = Place::of(&entry.path()) {
                        let key = Key::InDirectory(own.dev(), own.ino(), place.name().to_owned());
                        if self.files.insert_known(&place, key) {
                            self.found.push(Found {
                                place,
                                named: false,
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(subdirectories)
    }
}

/// Whether it is called like a pidfile: `httpd.pid`, `pid`, `RUNNING_PID`.
pub(crate) fn is_pidfiles(name: &[u8]) -> bool {
    let end = name.len().saturating_sub(b"pid".len());
    name[end..].eq_ignore_ascii_case(b"pid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_called_like_a_pidfile_are_found_once_and_links_are_not_followed() {
        let top = std::env::temp_dir().join(format!("pidward-find-{}", std::process::id()));
        fs::create_dir_all(top.join("sub")).unwrap();
        for name in [
            "a.pid",
            "b.PID",
            "pid",
            "sub/c_pid",
            "a.pid.ward",
            "id",
            "pid.old",
        ] {
            fs::write(top.join(name), "1\n").unwrap();
        }
        symlink(&top, top.join("sub/again")).unwrap();
        symlink(top.join("a.pid"), top.join("link.pid")).unwrap();
        let named = [top.join("pid"), top.clone(), top.join("sub/../a.pid")];
        let search = Search::named(&named);
        fs::remove_dir_all(&top).unwrap();

        let found = search
            .found
            .iter()
            .map(|found| found.place.path.strip_prefix(&top).unwrap());
        let found: Vec<&Path> = found.collect();
        assert_eq!(found, ["pid", "a.pid", "b.PID", "sub/c_pid"].map(Path::new));
        assert!(search.hidden.is_empty());
    }

    #[test]
    fn a_directory_that_was_named_and_is_not_there_is_said() {
        let search = Search::named(&[PathBuf::from("/nonexistent/")]);
        assert!(search.found.is_empty() && search.hidden[0].named);
    }
}
