//! What is removed is the daemon's own pidfile, as it is at the moment of death, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pidward_tests::failure::{Checked, Doing};

use crate::promise::Promise;
use crate::scene::{Scene, file, write};

/// What happened to x.pid, which the daemon with this PID has made, before it died.
type Happened = fn(i32) -> Checked;

/// Deaths, of each kind one.
const DEATHS: [&str; 4] = ["die return", "die _exit", "die abort", "raise 15"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let after = |name: &'static str, removed: &'static [&'static str], happened: Happened| {
        Promise::new(name, move |scene| removed_after(scene, removed, happened))
    };
    [
        after("a_pidfile_that_holds_another_pid_by_now_stays", &[], |_| {
            write("x.pid", "1\n")
        }),
        after(
            "a_pidfile_whose_number_only_begins_alike_stays",
            &[],
            |pid| write("x.pid", format!("{pid}0\n")),
        ),
        after("a_pidfile_that_was_emptied_stays", &[], |_| {
            write("x.pid", "")
        }),
        after("a_pidfile_of_the_next_instance_stays", &[], |_| {
            write("x.new", "1\n")?;
            fs::rename(file("x.new"), file("x.pid")).doing("replace x.pid")
        }),
        after("a_pidfile_that_is_gone_is_no_matter", &[], |_| {
            fs::remove_file(file("x.pid")).doing("remove x.pid")
        }),
        after(
            "a_pidfile_written_anew_with_the_same_pid_is_removed",
            &["x.pid"],
            |pid| {
                fs::remove_file(file("x.pid")).doing("remove x.pid")?;
                write("x.pid", pid.to_string())
            },
        ),
        after("a_symbolic_link_put_in_its_place_stays", &[], |pid| {
            fs::remove_file(file("x.pid")).doing("remove x.pid")?;
            write("real.txt", pid.to_string())?;
            symlink("real.txt", file("x.pid")).doing("make a link")
        }),
        after("a_directory_put_in_its_place_stays", &[], |_| {
            fs::remove_file(file("x.pid")).doing("remove x.pid")?;
            fs::create_dir(file("x.pid")).doing("make a directory")
        }),
        after("a_fifo_put_in_its_place_holds_nobody_up", &[], |_| {
            fs::remove_file(file("x.pid")).doing("remove x.pid")?;
            mkfifo(&file("x.pid"), Mode::S_IRWXU).doing("make a fifo")
        }),
        after(
            "what_somebody_else_left_under_the_name_aside_stays",
            &[],
            |_| write(".x.pid.pidward", "1\n"),
        ),
        after(
            "what_a_crash_left_of_its_own_goes_too",
            &["x.pid", ".x.pid.pidward"],
            |pid| write(".x.pid.pidward", pid.to_string()),
        ),
        Promise::new("a_pidfile_that_is_a_symbolic_link_stays", through_a_link),
        Promise::new(
            "a_pidfile_in_a_directory_behind_a_link_is_removed",
            behind_a_link,
        ),
        Promise::new(
            "a_pidfile_in_a_directory_of_somebody_else_stays",
            in_anothers_directory,
        ),
        Promise::new(
            "a_pidfile_on_a_file_system_that_became_read_only_stays",
            on_a_read_only_file_system,
        ),
        Promise::new(
            "a_daemon_that_removes_its_pidfile_itself_is_no_matter",
            |scene| {
                scene
                    .lives("make open x.pid gone x.pid die return")?
                    .are_the_same()
            },
        ),
    ]
    .into_iter()
}

fn removed_after(scene: &Scene, removed: &[&str], happened: Happened) -> Checked {
    for death in DEATHS {
        let both = scene.both_with(|life| {
            let mut daemon = life.start(&format!("make open x.pid say ready hear {death}"))?;
            daemon.says("ready")?;
            happened(daemon.process.pid)?;
            daemon.go_on()?;
            daemon.end()
        })?;
        both.removed(removed)?;
    }
    Ok(())
}

fn through_a_link(scene: &Scene) -> Checked {
    let both = scene.both_with(|life| {
        symlink("real.txt", file("x.pid")).doing("make a link")?;
        life.start("make open x.pid die return")?.end()
    })?;
    both.are_the_same()
}

/// As /var/run is one to /run.
fn behind_a_link(scene: &Scene) -> Checked {
    let both = scene.both_with(|life| {
        fs::create_dir(file("run")).doing("make a directory")?;
        symlink("run", file("var")).doing("make a link")?;
        life.start("make open var/x.pid die return")?.end()
    })?;
    both.removed(&["run/x.pid"])
}

/// The daemon was root when it made it.
fn in_anothers_directory(scene: &Scene) -> Checked {
    let both = scene.both_with(|life| {
        fs::create_dir(file("run")).doing("make a directory")?;
        life.start("make open run/x.pid nobody die return")?.end()
    })?;
    both.are_the_same()
}

fn on_a_read_only_file_system(scene: &Scene) -> Checked {
    let nothing: Option<&str> = None;
    let both = scene.both_with(|life| {
        fs::create_dir(file("run")).doing("make a directory")?;
        let run = file("run");
        mount(
            Some("tmpfs"),
            &run,
            Some("tmpfs"),
            MsFlags::empty(),
            nothing,
        )
        .doing("mount a tmpfs")?;
        let mut daemon = life.start("make rename run/x.pid say ready hear die return")?;
        daemon.says("ready")?;
        let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        mount(nothing, &run, nothing, read_only, nothing).doing("make it read-only")?;
        daemon.go_on()?;
        let ended = daemon.end();
        let unmounted = Command::new("umount").arg(&run).status().doing("umount")?;
        if unmounted.success() {
            ended
        } else {
            Err(unmounted).doing("umount")
        }
    })?;
    both.are_the_same()
}
