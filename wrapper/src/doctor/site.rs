//! A pidfile and where it lies: its verdict, its guard, and whether there can be a record beside it.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};
use pidward_identity::lock;
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

use crate::command::run;
use crate::environment::Environment;
use crate::finding::{Finding, Looked, question};
use crate::place::Place;
use crate::say::Refused;

/// A pidfile's site.
#[derive(Debug)]
pub(crate) struct Site {
    /// The pidfile.
    pub(crate) finding: Finding,
    /// What keeps `run -p` from looking after it.
    pub(crate) refused: Option<Refused>,
    /// A guard holds its lock on the record.
    pub(crate) guarded: bool,
    /// There is no room for the record's name.
    pub(crate) name_too_long: bool,
    /// There is such a directory.
    pub(crate) has_directory: bool,
    /// It is gone when the machine is.
    pub(crate) in_memory: bool,
    /// Nothing can be written there.
    pub(crate) read_only: bool,
    /// The pidfile or its directory, if that has an attribute of chattr(1) by which nobody removes the pidfile, not even root.
    pub(crate) fixed: Option<PathBuf>,
    /// User, group and mode of the directory.
    directory: Option<Owned>,
    /// And of the pidfile.
    file: Option<Owned>,
}

/// Whose a file is.
#[derive(Clone, Copy, Debug)]
struct Owned {
    uid: u32,
    gid: u32,
    mode: u32,
}

/// With what rights somebody writes.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    /// His effective user.
    pub(crate) uid: u32,
    /// His groups.
    pub(crate) groups: Vec<u32>,
    /// His effective capabilities.
    pub(crate) capabilities: u64,
}

impl Site {
    /// Looks at the pidfile.
    pub(crate) fn at(place: &Place, environment: &Environment) -> Self {
        let looked = Looked::at(place, question(environment, true));
        let directory = place.directory();
        let kind = statfs(directory).ok().map(|it| it.filesystem_type());
        let mounted = statvfs(directory).ok();
        Self {
            refused: run::obstacle(place),
            guarded: looked.pidfile.as_ref().is_some_and(lock::is_guarded),
            name_too_long: looked
                .pidfile
                .as_ref()
                .is_some_and(|it| it.record_name().is_none()),
            has_directory: looked.pidfile.is_some(),
            in_memory: kind == Some(TMPFS_MAGIC),
            // In an append-only one, files are made as ever.
            read_only: mounted.is_some_and(|it| it.flags().contains(FsFlags::ST_RDONLY))
                || attributes(directory).contains(StatxAttributes::IMMUTABLE),
            fixed: [&place.path, directory]
                .into_iter()
                .find(|path| attributes(path).intersects(FIXED))
                .map(Path::to_owned),
            directory: owned(directory),
            file: owned(&place.path),
            finding: looked.finding,
        }
    }

    /// Whether somebody with these rights can remove the pidfile, as far as modes tell. In a sticky directory it takes the
    /// file's user, or the directory's.
    pub(crate) fn can_be_removed_by(&self, rights: &Rights) -> bool {
        const STICKY: u32 = 0o1000;
        const CAP_FOWNER: u64 = 1 << 3;
        let Some(directory) = self.directory else {
            return false;
        };
        let is_his = |it: Owned| it.uid == rights.uid;
        let may = directory.mode & STICKY == 0
            || rights.capabilities & CAP_FOWNER != 0
            || is_his(directory)
            || self.file.is_none_or(is_his);
        may && directory.is_writable_by(rights)
    }
}

impl Owned {
    /// For what a directory's entries are changed with: to write and to search.
    fn is_writable_by(self, rights: &Rights) -> bool {
        const CAP_DAC_OVERRIDE: u64 = 1 << 1;
        const WRITE_AND_SEARCH: u32 = 0o3;
        let shift = match self {
            _ if rights.capabilities & CAP_DAC_OVERRIDE != 0 => return true,
            Self { uid, .. } if uid == rights.uid => 6,
            Self { gid, .. } if rights.groups.contains(&gid) => 3,
            _ => 0,
        };
        (self.mode >> shift) & WRITE_AND_SEARCH == WRITE_AND_SEARCH
    }
}

/// Immutable or append-only, ioctl_iflags(2).
const FIXED: StatxAttributes = StatxAttributes::IMMUTABLE.union(StatxAttributes::APPEND);

/// Those that the file system tells of; none where it knows none.
fn attributes(path: &Path) -> StatxAttributes {
    let found = statx(
        CWD,
        path.as_os_str().as_bytes(),
        AtFlags::SYMLINK_NOFOLLOW,
        StatxFlags::empty(),
    );
    found.map_or(StatxAttributes::empty(), |it| it.stx_attributes)
}

fn owned(path: &Path) -> Option<Owned> {
    let file = path.symlink_metadata().ok()?;
    Some(Owned {
        uid: file.uid(),
        gid: file.gid(),
        mode: file.mode(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_write_is_told_by_the_mode() {
        let rights = |uid, gid, capabilities| Rights {
            uid,
            groups: vec![gid],
            capabilities,
        };
        let directory = |mode| Owned {
            uid: 33,
            gid: 7,
            mode,
        };
        for (mode, who, may) in [
            (0o755, rights(33, 33, 0), true),
            (0o755, rights(34, 7, 0), false),
            (0o775, rights(34, 7, 0), true),
            (0o765, rights(34, 7, 0), false),
            (0o757, rights(34, 34, 0), true),
            (0o577, rights(33, 7, 0), false),
            (0o000, rights(0, 0, 2), true),
            (0o000, rights(0, 0, 0), false),
        ] {
            assert_eq!(
                directory(mode).is_writable_by(&who),
                may,
                "{mode:o} {who:?}"
            );
        }
    }
}
