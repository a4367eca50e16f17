//! For whom a pidfile may speak: only for processes of those who can write it, its record, or a directory on its path.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::path;

use crate::answer::{ask, ask_without};
use crate::guard::post::{daemon, kill, ready};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{Scene, file, write};

/// An ordinary user.
pub(super) const NOBODY: u32 = 65534;
const GROUP: u32 = 4242;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "who_can_change_the_file_or_its_way_speaks_for_his_own_processes_alone",
            changers,
        ),
        each(
            "a_group_that_can_write_speaks_for_processes_in_it_alone",
            groups,
        ),
        each(
            "a_user_does_not_speak_for_a_process_of_roots_that_acts_for_him",
            acting,
        ),
        each("a_sticky_directory_protects_the_files_of_others", sticky),
        each(
            "a_link_on_the_way_is_followed_only_where_root_owns_it",
            links,
        ),
    ]
    .into_iter()
}

fn mode(path: &Path, mode: u32) -> Checked {
    fs::set_permissions(path, Permissions::from_mode(mode)).doing("set a mode")
}

/// A daemon of root's or of somebody's, and its pidfile /mnt/top/sub/x.pid, all of it root's.
fn daemon_of(scene: &Scene, uid: u32, groups: u32) -> Checked<Legacy> {
    scene.clear()?;
    if path("top").exists() {
        fs::remove_dir_all(path("top")).doing("clear")?;
    }
    fs::create_dir_all(path("top/sub")).doing("make directories")?;
    let mut command = daemon("say ready hear");
    command.uid(uid).gid(groups);
    let daemon = ready(command)?;
    fs::write(path("top/sub/x.pid"), format!("{}\n", daemon.process.pid)).doing("write x.pid")?;
    for (name, bits) in [("top", 0o755), ("top/sub", 0o755), ("top/sub/x.pid", 0o644)] {
        mode(&path(name), bits)?;
    }
    Ok(daemon)
}

const PIDFILE: &str = "/mnt/top/sub/x.pid";

fn trusted(scene: &Scene, pidfile: &str) -> Checked {
    ask(scene, &format!("status {pidfile}"))?.is_line(0, "running", "(unverified)")
}

/// Whatever the user asks for, nothing is sent.
fn untrusted(scene: &Scene, pidfile: &str, daemon: &Legacy) -> Checked {
    ask(scene, &format!("status {pidfile}"))?.is_line(4, "unknown", "(untrusted)")?;
    for line in [
        "signal KILL",
        "signal --unverified KILL",
        "stop --unverified",
        "adopt",
    ] {
        ask(scene, &format!("{line} {pidfile}"))?.is_refusal(4, &["did not "])?;
    }
    match daemon.process.is_dead() {
        true => Err(Failure::new("the process was signalled", pidfile)),
        false => Ok(()),
    }
}

fn changers(scene: &Scene) -> Checked {
    for (uid, is_his) in [(0, false), (NOBODY, true)] {
        for name in ["top", "top/sub", "top/sub/x.pid"] {
            let daemon = daemon_of(scene, uid, 0)?;
            trusted(scene, PIDFILE)?;
            chown(path(name), Some(NOBODY), None).doing("give it away")?;
            match is_his {
                true => trusted(scene, PIDFILE)?,
                false => untrusted(scene, PIDFILE, &daemon)?,
            }
            chown(path(name), Some(0), None).doing("take it back")?;
            mode(&path(name), 0o757)?;
            untrusted(scene, PIDFILE, &daemon)?;
            kill(daemon)?;
        }
    }
    // Two who are not the same speak for nobody.
    let daemon = daemon_of(scene, NOBODY, 0)?;
    chown(path("top"), Some(NOBODY), None).doing("give it away")?;
    chown(path("top/sub"), Some(1), None).doing("give it away")?;
    untrusted(scene, PIDFILE, &daemon)?;
    kill(daemon).map(drop)
}

fn groups(scene: &Scene) -> Checked {
    for (gid, is_in_it) in [(GROUP, true), (GROUP + 1, false)] {
        for name in ["top", "top/sub", "top/sub/x.pid"] {
            let daemon = daemon_of(scene, 0, gid)?;
            chown(path(name), None, Some(GROUP)).doing("give it to a group")?;
            trusted(scene, PIDFILE)?;
            mode(&path(name), 0o775)?;
            match is_in_it {
                true => trusted(scene, PIDFILE)?,
                false => untrusted(scene, PIDFILE, &daemon)?,
            }
            kill(daemon)?;
        }
    }
    Ok(())
}

/// Its effective user is him; the real one or the saved one is root, who it can be again.
fn acting(scene: &Scene) -> Checked {
    for users in ["0 65534 0", "65534 65534 0", "0 65534 65534"] {
        scene.clear()?;
        let daemon = ready(daemon(&format!("users {users} say ready hear")))?;
        fs::create_dir(file("his")).doing("make a directory")?;
        write("his/x.pid", format!("{}\n", daemon.process.pid))?;
        for name in ["his", "his/x.pid"] {
            chown(file(name), Some(NOBODY), None).doing("give it away")?;
        }
        for without in ["", "info", "handle,info,inode,pidfd"] {
            let status = ask_without(scene, without, "status his/x.pid")?;
            status.is_line(4, "unknown", "(untrusted)")?;
        }
        untrusted(scene, "his/x.pid", &daemon)?;
        kill(daemon)?;
    }
    Ok(())
}

fn sticky(scene: &Scene) -> Checked {
    let daemon = daemon_of(scene, 0, 0)?;
    mode(&path("top"), 0o1777)?;
    mode(&path("top/sub"), 0o1777)?;
    trusted(scene, PIDFILE)?;
    // What protects others' files does not protect from their own user.
    chown(path("top/sub"), Some(NOBODY), None).doing("give it away")?;
    untrusted(scene, PIDFILE, &daemon)?;
    chown(path("top/sub"), Some(0), None).doing("take it back")?;
    // Nor from a second name for a file that was meant for another place.
    fs::hard_link(PIDFILE, path("top/other")).doing("link it")?;
    untrusted(scene, PIDFILE, &daemon)?;
    kill(daemon).map(drop)
}

fn links(scene: &Scene) -> Checked {
    let daemon = daemon_of(scene, 0, 0)?;
    let link = path("way");
    let _ = fs::remove_file(&link);
    symlink(path("top"), &link).doing("make a link")?;
    trusted(scene, "/mnt/way/sub/x.pid")?;
    lchown(&link, Some(NOBODY), None).doing("give the link away")?;
    untrusted(scene, "/mnt/way/sub/x.pid", &daemon)?;
    trusted(scene, PIDFILE)?;
    // As the last component, nobody's is followed.
    symlink(PIDFILE, path("top/link.pid")).doing("make a link")?;
    ask(scene, "status /mnt/top/link.pid")?.is_line(4, "unknown", "(unreadable)")?;
    kill(daemon).map(drop)
}
