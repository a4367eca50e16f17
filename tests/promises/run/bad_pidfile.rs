//! A `-p` that cannot be a pidfile's is said in a line, and the command runs.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pidward_tests::failure::{Checked, Doing, Failure};

use super::{pidward, says};
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

/// A path, and why it is none of a pidfile's.
const PATHS: &[&str] = &[
    "directory: it is a directory",
    "directory/: it is a directory",
    ".: it is a directory",
    "/: it is a directory",
    "nowhere/x.pid: there is no directory /mnt/daemon/nowhere",
    "/nowhere/at/all/x.pid: there is no directory /nowhere/at/all",
    "plain/x.pid: not a directory",
    "fifo: it is no regular file",
    "link: it is a symbolic link",
    "/dev/null: it is no regular file",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "a_path_that_is_no_pidfiles_is_said_and_the_command_runs",
            refused,
        ),
        each(
            "a_name_too_long_for_a_record_is_said_and_the_command_runs",
            |scene| {
                scene.clear()?;
                let long = format!("{}.pid", "x".repeat(250));
                let mut command = pidward(scene, &["run", "-p", &long, "sh", "-c"]);
                command.arg("exit 7");
                says(command, 7, 1, &["pidward: not looking after", "too long"]).map(drop)
            },
        ),
        each(
            "a_directory_that_denies_the_guard_does_not_keep_the_command_from_running",
            |scene| {
                scene.clear()?;
                // On the read-only root.
                let mut command = pidward(scene, &["run", "-p", "/etc/x.pid", "sh", "-c"]);
                command.arg("exit 7");
                says(command, 7, 0, &[]).map(drop)
            },
        ),
    ]
    .into_iter()
}

fn refused(scene: &Scene) -> Checked {
    for case in PATHS {
        let (path, why) = case.split_once(": ").unwrap_or((case, ""));
        scene.clear()?;
        fs::create_dir(file("directory")).doing("make a directory")?;
        write("plain", "")?;
        mkfifo(&file("fifo"), Mode::S_IRWXU).doing("make a FIFO")?;
        symlink("plain", file("link")).doing("make a link")?;
        let mut command = pidward(scene, &["run", "-p", path, "sh", "-c"]);
        command.arg("exit 7");
        let ended = says(command, 7, 1, &["pidward: not looking after ", path, why])?;
        if ended.left != ["directory/", "fifo", "link", "plain"] {
            let evidence = format!("{HOME}: {:?}", ended.left);
            return Err(Failure::new("leaves something", evidence));
        }
    }
    Ok(())
}
