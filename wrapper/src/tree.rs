//! What lies below a directory, an entry at a time: nothing is kept of what was passed, so that a tree of any size takes no
//! more memory than its depth.
//!
//! Each directory is opened in the one before it. Other mounts and links are left out, unless they are asked for.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use pidward_identity::Errno;
use pidward_identity::mount::Mounted;
use pidward_identity::pidfile::FileId;
use pidward_identity::walk::{self, FileType, NoWay, Way};

/// How deep it goes. Each level takes a descriptor or two, and a page of the stack.
const DEEPEST: usize = 128;

/// What is walked into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Symbolic links too.
    pub(crate) links: bool,
    /// Other mounts too.
    pub(crate) mounts: bool,
}

/// What is done with what is found.
pub(crate) trait Visitor {
    /// Whether to walk into this directory.
    fn enters(&mut self, directory: FileId) -> bool;
    /// A regular file of this name in the directory, which is at this path.
    fn file(&mut self, way: &Way, directory: &Path, name: &CStr);
    /// A symbolic link at this path that leads to no directory, when links are asked for.
    fn link(&mut self, path: &Path);
    /// This directory cannot be looked into.
    fn hidden(&mut self, directory: &Path, why: NoWay);
}

/// Walks the directory at this absolute path, which may itself be a link.
pub(crate) fn walk(top: &Path, reach: Reach, visitor: &mut impl Visitor) {
    let begun = walk::to(top.as_os_str().as_bytes()).and_then(|way| Ok((way.mounted()?, way)));
    match begun {
        Ok((mounted, way)) => Walk {
            reach,
            mounted,
            visitor,
            path: top.to_owned(),
            above: Vec::new(),
        }
        .directory(&way),
        Err(why) => visitor.hidden(top, why),
    }
}

struct Walk<'v, V> {
    reach: Reach,
    /// What the top is mounted with.
    mounted: Mounted,
    visitor: &'v mut V,
    /// Where we are.
    path: PathBuf,
    /// The directories on the way here: a link or a mount can lead back to one of them.
    above: Vec<FileId>,
}

impl<V: Visitor> Walk<'_, V> {
    fn directory(&mut self, way: &Way) {
        if let Err(error) = self.enter(way) {
            self.visitor.hidden(&self.path, NoWay::Refused(error));
        }
    }

    fn enter(&mut self, way: &Way) -> Result<(), Errno> {
        let id = way.id()?;
        let is_within = self.reach.mounts || way.mounted()?.is_same(&self.mounted);
        if !is_within || self.above.contains(&id) || !self.visitor.enters(id) {
            return Ok(());
        }
        if self.above.len() >= DEEPEST {
            return Err(Errno::NAMETOOLONG);
        }
        self.above.push(id);
        let read = way.each(|name, kind| self.entry(way, name, kind));
        self.above.pop();
        read
    }

    fn entry(&mut self, way: &Way, name: &CStr, kind: FileType) {
        match kind {
            FileType::RegularFile => self.visitor.file(way, &self.path, name),
            FileType::Directory => self.at(name, |walk| match way.down(name) {
                Ok(below) => walk.directory(&below),
                // It has just gone.
                Err(Errno::NOENT) => {}
                Err(error) => walk.visitor.hidden(&walk.path, NoWay::Refused(error)),
            }),
            FileType::Symlink if self.reach.links => self.at(name, Self::link),
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {}
        }
    }

    fn at(&mut self, name: &CStr, then: impl FnOnce(&mut Self)) {
        self.path.push(OsStr::from_bytes(name.to_bytes()));
        then(self);
        self.path.pop();
    }

    fn link(&mut self) {
        match walk::to(self.path.as_os_str().as_bytes()) {
            Ok(below) => self.directory(&below),
            Err(NoWay::Refused(Errno::NOTDIR)) => self.visitor.link(&self.path),
            // It leads nowhere, or round and round.
            Err(NoWay::Refused(Errno::NOENT | Errno::LOOP)) => {}
            Err(why) => self.visitor.hidden(&self.path, why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[derive(Default)]
    struct Seen(Vec<PathBuf>, usize);

    impl Visitor for Seen {
        fn enters(&mut self, _: FileId) -> bool {
            true
        }
        fn file(&mut self, _: &Way, directory: &Path, name: &CStr) {
            self.0.push(directory.join(name.to_str().unwrap()));
        }
        fn link(&mut self, path: &Path) {
            self.0.push(path.to_owned());
        }
        fn hidden(&mut self, _: &Path, _: NoWay) {
            self.1 += 1;
        }
    }

    fn seen(top: &Path, links: bool) -> (Vec<PathBuf>, usize) {
        let mut seen = Seen::default();
        let reach = Reach {
            links,
            mounts: false,
        };
        walk(top, reach, &mut seen);
        let relative = |path: &PathBuf| path.strip_prefix(top).unwrap_or(path).to_owned();
        let mut paths: Vec<PathBuf> = seen.0.iter().map(relative).collect();
        paths.sort();
        (paths, seen.1)
    }

    #[test]
    fn links_are_followed_only_when_asked_for_and_never_round() {
        let top = std::env::temp_dir().join(format!("pidward-tree-{}", std::process::id()));
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        std::fs::create_dir(top.join("c")).unwrap();
        std::fs::write(top.join("a/b/x.pid"), "1\n").unwrap();
        symlink("../a", top.join("c/link")).unwrap();
        symlink(&top, top.join("a/b/round")).unwrap();
        symlink("x.pid", top.join("a/b/y.pid")).unwrap();
        symlink("nowhere", top.join("a/b/z.pid")).unwrap();
        let (without, with) = (seen(&top, false), seen(&top, true));
        std::fs::remove_dir_all(&top).unwrap();
        assert_eq!(without, (vec![PathBuf::from("a/b/x.pid")], 0));
        let all = ["a/b/x.pid", "a/b/y.pid", "c/link/b/x.pid", "c/link/b/y.pid"];
        assert_eq!(with, (all.map(PathBuf::from).to_vec(), 0));
    }

    #[test]
    fn a_tree_without_end_is_left_at_some_depth() {
        let top = std::env::temp_dir().join(format!("pidward-deep-{}", std::process::id()));
        std::fs::create_dir_all(top.join("d/".repeat(DEEPEST + 10))).unwrap();
        let found = seen(&top, false);
        std::fs::remove_dir_all(&top).unwrap();
        assert_eq!(found, (vec![], 1));
    }
}
