//! Who could have written a pidfile, and so for which processes it may speak.
//!
//! A pidfile is a claim of whoever can change it: of its user, of those whom its mode or that of a directory
//! on its path lets in. Root and the caller may claim anything; everybody else only their own processes.

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Mode, OFlags};

use crate::pidfile::{FileId, Look, Pidfile, id};
use crate::process::Credentials;

const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Whether everybody who can change the pidfile or a directory on its path is root, the caller, or has the
/// rights that the process runs with.
#[must_use]
pub fn speaks_for(pidfile: &Pidfile<'_>, look: &Look, process: &Credentials) -> bool {
    let caller = rustix::process::geteuid().as_raw();
    let allowed = |uid, gid, mode| writers_have_rights_of(process, caller, uid, gid, mode);
    allowed(look.uid, look.gid, look.mode) && directories(pidfile, allowed)
}

/// Asks for the pidfile's directory and each one above it.
fn directories(pidfile: &Pidfile<'_>, allowed: impl Fn(u32, u32, u32) -> bool) -> bool {
    // As many levels as a path of PATH_MAX can have.
    const DEEPEST: usize = 2048;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(mut directory) = pidfile.directory().try_clone_to_owned() else {
        return false;
    };
    let mut below: Option<FileId> = None;
    for _ in 0..DEEPEST {
        let Ok(stat) = rustix::fs::statat(directory.as_fd(), c"", AtFlags::EMPTY_PATH) else {
            return false;
        };
        if below == Some(id(&stat)) {
            return true;
        }
        // In a sticky directory nobody can replace what is another's; its user can.
        let mode = if stat.st_mode & STICKY == 0 {
            stat.st_mode
        } else {
            0
        };
        if !allowed(stat.st_uid, stat.st_gid, mode) {
            return false;
        }
        below = Some(id(&stat));
        let Ok(above) = rustix::fs::openat(&directory, c"..", flags, Mode::empty()) else {
            return false;
        };
        directory = above;
    }
    false
}

fn writers_have_rights_of(
    process: &Credentials,
    caller: u32,
    uid: u32,
    gid: u32,
    mode: u32,
) -> bool {
    let user = uid == 0 || uid == caller || uid == process.uid;
    let group = mode & GROUP_WRITE == 0 || gid == 0 || process.groups.contains(&gid);
    let others = mode & OTHER_WRITE == 0;
    user && group && others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_root_and_the_caller_speaks_for_another_users_process() {
        let process = |uid, group: u32| Credentials {
            uid,
            groups: [group].as_slice().try_into().unwrap(),
        };
        let root = process(0, 0);
        assert!(writers_have_rights_of(&root, 0, 0, 0, 0o644));
        assert!(
            !writers_have_rights_of(&root, 0, 33, 0, 0o644),
            "a user's file, root's process"
        );
        assert!(
            writers_have_rights_of(&process(33, 33), 0, 33, 33, 0o664),
            "a user's file, his process"
        );
        assert!(
            !writers_have_rights_of(&process(33, 33), 0, 33, 44, 0o664),
            "a group he is not in may write"
        );
        assert!(
            !writers_have_rights_of(&process(33, 33), 0, 33, 33, 0o646),
            "everybody may write"
        );
        assert!(
            writers_have_rights_of(&process(33, 33), 1000, 1000, 33, 0o644),
            "the caller's own file"
        );
    }
}
