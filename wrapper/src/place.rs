//! A pidfile's path, as what is done with it needs it: absolute, and cut into directory and name.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use pidward_identity::pidfile::Pidfile;
use pidward_identity::walk::{self, NoWay};

/// Where a pidfile is or will be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The path, absolute. Symbolic links in it are left as they are.
    pub(crate) path: PathBuf,
    c_path: CString,
    name: CString,
}

/// Why a path can be no pidfile's.
#[derive(Debug)]
pub(crate) enum NoPlace {
    /// It ends in a slash, `.` or `..`: whatever it is, it is a directory's.
    Directory,
    /// The current directory, which it is relative to, has no path.
    NoCurrentDirectory(io::Error),
}

impl Place {
    /// The place of this path; a relative one is taken from the current directory.
    ///
    /// # Errors
    /// [`NoPlace`], when it can be no file's path.
    pub(crate) fn of(path: &Path) -> Result<Self, NoPlace> {
        let bytes = path.as_os_str().as_bytes();
        if bytes == b"." || bytes.ends_with(b"/") || bytes.ends_with(b"/.") {
            return Err(NoPlace::Directory);
        }
        let path = std::path::absolute(path).map_err(NoPlace::NoCurrentDirectory)?;
        let Some(name) = path.file_name() else {
            return Err(NoPlace::Directory);
        };
        // A path comes from an argument or from the kernel, and so has no NUL.
        let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
        Ok(Self {
            c_path: text(path.as_os_str().as_bytes()),
            name: text(name.as_bytes()),
            path,
        })
    }

    /// Walks to the directory.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub(crate) fn open(&self) -> Result<Pidfile<'_>, NoWay> {
        Pidfile::at(&self.c_path)
    }

    /// The directory's path.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// The name in the directory.
    pub(crate) fn name(&self) -> &CStr {
        &self.name
    }

    /// The path, for execve(2).
    pub(crate) fn c_path(&self) -> CString {
        self.c_path.clone()
    }

    /// Two places with the same key are the same file's, by whatever paths that are followed. One that leads through a stranger's
    /// link is a place of its own: what is said of it is not to be said of the file by its own path.
    pub(crate) fn key(&self) -> Key {
        let way = walk::to(self.directory().as_os_str().as_bytes());
        match way.map(|way| way.id()) {
            Ok(Ok(it)) => Key::InDirectory(it.device, it.inode, self.name.clone()),
            Ok(Err(_)) | Err(_) => Key::NoDirectory(self.path.clone()),
        }
    }
}

/// See [`Place::key`].
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Key {
    /// A name in a directory of this device and inode.
    InDirectory(u64, u64, CString),
    /// The directory cannot be reached, so the path has to do.
    NoDirectory(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_is_the_current_directorys() {
        let here = std::env::current_dir().unwrap();
        for path in ["x.pid", "./x.pid", ".//x.pid"] {
            assert_eq!(Place::of(Path::new(path)).unwrap().path, here.join("x.pid"));
        }
        // Never shortened: `a` may be a symbolic link.
        let up = Place::of(Path::new("a/../x.pid")).unwrap();
        assert_eq!(up.path, here.join("a/../x.pid"));
    }

    #[test]
    fn a_directorys_path_is_no_pidfiles() {
        for path in ["/", "/run/", "/run/.", "/run/..", "..", "."] {
            let place = Place::of(Path::new(path));
            assert!(matches!(place, Err(NoPlace::Directory)), "{path}");
        }
    }

    #[test]
    fn one_file_by_two_paths_has_one_key() {
        let key = |path| Place::of(Path::new(path)).unwrap().key();
        assert_eq!(key("/proc/x.pid"), key("/proc/../proc/x.pid"));
        assert_ne!(key("/proc/x.pid"), key("/x.pid"));
    }
}
