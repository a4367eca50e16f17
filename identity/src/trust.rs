//! Who could have written a pidfile, and so for which processes it may speak.
//!
//! A pidfile is a claim of whoever can change it: of its user, of its record's, of those whom a mode lets in, its own
//! or that of a directory on its path. Root and the caller may claim anything; everybody else only their own processes.

use core::ffi::CStr;

use arrayvec::ArrayVec;
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;
use rustix::path::DecInt;

use crate::process::Credentials;
use crate::walk;

const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Groups that are kept apart; where more can write, it counts as anybody.
const MOST_GROUPS: usize = 4;

/// Who can change something, besides root and the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Writers {
    user: Option<u32>,
    groups: ArrayVec<u32, MOST_GROUPS>,
    /// More than can be told apart, so that no process has the rights of all of them.
    anybody: bool,
}

impl Writers {
    /// Nobody else.
    pub const NOBODY: Self = Self {
        user: None,
        groups: ArrayVec::new_const(),
        anybody: false,
    };

    /// Whoever it may be.
    pub const ANYBODY: Self = Self {
        user: None,
        groups: ArrayVec::new_const(),
        anybody: true,
    };

    /// Adds those who can write a file of this user, group and mode.
    pub(crate) fn add(&mut self, uid: u32, gid: u32, mode: u32) {
        self.anybody |= mode & OTHER_WRITE != 0;
        if uid != 0 && uid != rustix::process::geteuid().as_raw() {
            self.add_user(uid);
        }
        if mode & GROUP_WRITE != 0 {
            self.add_group(gid);
        }
    }

    /// Adds those who can change an open file of this user, group and mode: with whoever an access control list lets in.
    pub(crate) fn add_file(&mut self, file: BorrowedFd<'_>, (uid, gid, mode): (u32, u32, u32)) {
        self.add(uid, gid, mode);
        self.anybody |= mode & GROUP_WRITE != 0 && has_list(file);
    }

    /// Adds those who can replace what is in a directory. In a sticky one nobody can replace what is another's, but
    /// its user can. Whether others can add to it, because it is such a one.
    pub(crate) fn add_directory(&mut self, directory: BorrowedFd<'_>) -> Result<bool, Errno> {
        let stat = walk::stat(directory)?;
        let for_others = stat.st_mode & (GROUP_WRITE | OTHER_WRITE);
        let is_sticky = stat.st_mode & STICKY != 0;
        let mode = if is_sticky { 0 } else { for_others };
        self.add_file(directory, (stat.st_uid, stat.st_gid, mode));
        Ok(is_sticky && for_others != 0)
    }

    /// Adds others.
    pub fn join(&mut self, others: &Self) {
        self.anybody |= others.anybody;
        if let Some(uid) = others.user {
            self.add_user(uid);
        }
        for &gid in &others.groups {
            self.add_group(gid);
        }
    }

    /// Whether a process has the rights of all of them, so that what they wrote may speak for it. Of a process that
    /// we may not see, nobody has.
    #[must_use]
    pub fn speak_for(&self, process: Option<&Credentials>) -> bool {
        let is_his = |process: &Credentials| {
            // He could not signal one that is root's as well, and only acts for him for a while.
            let user = self
                .user
                .is_none_or(|uid| uid == process.uid && !process.is_mixed);
            let in_group = |gid| process.groups.contains(gid);
            !self.anybody && user && self.groups.iter().all(in_group)
        };
        *self == Self::NOBODY || process.is_some_and(is_his)
    }

    /// Whether the groups of a process matter to that.
    #[must_use]
    pub fn has_groups(&self) -> bool {
        !self.groups.is_empty()
    }

    /// The user who can write, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.user.filter(|_| !self.anybody)
    }

    fn add_user(&mut self, uid: u32) {
        self.anybody |= *self.user.get_or_insert(uid) != uid;
    }

    fn add_group(&mut self, gid: u32) {
        let known = self.groups.contains(&gid);
        self.anybody |= !known && self.groups.try_push(gid).is_err();
    }
}

/// Whether a file has an access control list, acl(5). In its mode the group's bits are then the most that anybody in
/// the list has. A file system that does not tell has none.
fn has_list(file: BorrowedFd<'_>) -> bool {
    let mut path: ArrayVec<u8, 32> = ArrayVec::new();
    let number = DecInt::new(file.as_raw_fd());
    // Descriptors of O_PATH have no attributes of their own, open(2).
    let parts = [b"/proc/self/fd/", number.as_bytes_with_nul()];
    let put = parts
        .into_iter()
        .try_for_each(|part| path.try_extend_from_slice(part));
    let path = CStr::from_bytes_with_nul(&path)
        .ok()
        .filter(|_| put.is_ok());
    let name = c"system.posix_acl_access";
    path.is_some_and(|path| rustix::fs::getxattr(path, name, &mut [0_u8; 0][..]).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use rustix::fs::{Mode, OFlags};

    fn writers(of: &[(u32, u32, u32)]) -> Writers {
        let mut writers = Writers::NOBODY;
        for &(uid, gid, mode) in of {
            writers.add(uid, gid, mode);
        }
        writers
    }

    #[test]
    fn nobody_but_root_and_the_caller_speaks_for_another_users_process() {
        let process = |uid, groups: &[u32]| Credentials {
            uid,
            is_mixed: false,
            groups: groups.try_into().unwrap(),
        };
        let (root, daemon) = (process(0, &[0]), process(33, &[33, 7]));
        let caller = rustix::process::geteuid().as_raw();
        for (of, process, speaks, why) in [
            (&[(0, 0, 0o644)][..], &root, true, "root's file"),
            (&[(0, 0, 0o644)], &daemon, true, "root's file, for anybody"),
            (
                &[(33, 0, 0o644)],
                &root,
                false,
                "a user's file, root's process",
            ),
            (
                &[(33, 33, 0o664)],
                &daemon,
                true,
                "a user's file, his process",
            ),
            (
                &[(0, 7, 0o664)],
                &daemon,
                true,
                "a supplementary group of his",
            ),
            (
                &[(33, 44, 0o664)],
                &daemon,
                false,
                "a group he is not in may write",
            ),
            (&[(0, 0, 0o664)], &daemon, false, "the group root is one"),
            (&[(33, 33, 0o646)], &daemon, false, "everybody may write"),
            (
                &[(caller, 33, 0o644)],
                &daemon,
                true,
                "the caller's own file",
            ),
            (
                &[(33, 0, 0o755), (34, 0, 0o644)],
                &daemon,
                false,
                "two users",
            ),
        ] {
            assert_eq!(writers(of).speak_for(Some(process)), speaks, "{why}");
        }
    }

    #[test]
    fn a_process_that_nobody_may_see_is_spoken_for_by_root_and_the_caller_alone() {
        assert!(Writers::NOBODY.speak_for(None));
        assert!(!Writers::ANYBODY.speak_for(None));
        assert!(!writers(&[(33, 33, 0o644)]).speak_for(None));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no getxattr(2)")]
    fn whoever_an_access_control_list_lets_in_is_anybody() {
        let path = std::env::temp_dir().join(format!("pidward-acl-{}", std::process::id()));
        let flags = OFlags::CREATE | OFlags::RDWR;
        let file = rustix::fs::open(path.to_str().unwrap(), flags, Mode::RUSR).unwrap();
        let can_write = || {
            let mut writers = Writers::NOBODY;
            writers.add_file(file.as_fd(), (0, 0, 0o664));
            writers
        };
        assert_eq!(can_write(), writers(&[(0, 0, 0o664)]));
        // Version 2: user rw, user 33 rw, group r, mask rw, others r (posix_acl_xattr.h of the kernel).
        let entries = [
            (1, 6, u32::MAX),
            (2, 6, 33),
            (4, 4, u32::MAX),
            (16, 6, u32::MAX),
            (32, 4, u32::MAX),
        ];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            list.extend(u16::to_le_bytes(tag));
            list.extend(u16::to_le_bytes(rights));
            list.extend(u32::to_le_bytes(id));
        }
        let flags = rustix::fs::XattrFlags::empty();
        let set = rustix::fs::fsetxattr(&file, c"system.posix_acl_access", &list, flags);
        let seen = can_write();
        std::fs::remove_file(&path).unwrap();
        // Only a file system that has none can keep us from finding it.
        assert!(
            set == Err(Errno::OPNOTSUPP) || seen.anybody,
            "{set:?} {seen:?}"
        );
    }

    #[test]
    fn writers_are_joined() {
        let mut all = writers(&[(33, 0, 0o755)]);
        all.join(&writers(&[(0, 7, 0o775)]));
        assert_eq!(all, writers(&[(33, 7, 0o775)]));
        assert_eq!(all.user(), Some(33));
        all.join(&writers(&[(34, 0, 0o755)]));
        assert_eq!(all.user(), None);
    }
}
