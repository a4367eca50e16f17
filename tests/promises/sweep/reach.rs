//! How far a sweep reaches: into directories below, and over links and mounts only on request.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use pidward_tests::failure::{Checked, Doing};

use super::{NOBODY, gone_and_there};
use crate::answer::ask;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_sweep_stays_on_its_mount_unless_told", mounts),
        each("a_sweep_follows_no_link_unless_told", links),
        each("a_directory_that_was_named_may_be_a_link", named_link),
        each("what_was_named_twice_is_swept_once", once),
        each("a_path_stays_on_its_line", newline),
        each("a_pidfile_mounted_from_elsewhere_stays", mounted_file),
        each("from_a_namespace_a_disk_may_be_the_hosts", disk),
    ]
    .into_iter()
}

const NONE: Option<&str> = None;

fn bind(from: &Path, to: &Path) -> Checked {
    mount(Some(from), to, NONE, MsFlags::MS_BIND, NONE).doing("bind it")
}

/// One on another device, and one that only the mount tells from the directory around it.
fn mounts(scene: &Scene) -> Checked {
    scene.clear()?;
    for directory in ["top/tmpfs", "top/bind", "other"] {
        fs::create_dir_all(file(directory)).doing("make a directory")?;
    }
    let tmpfs = Some("tmpfs");
    mount(tmpfs, &file("top/tmpfs"), tmpfs, MsFlags::empty(), NONE).doing("mount a tmpfs")?;
    bind(&file("other"), &file("top/bind"))?;
    for name in ["top/x.pid", "top/tmpfs/y.pid", "other/z.pid"] {
        write(name, NOBODY)?;
    }
    ask(scene, "sweep top")?.is_line(0, &format!("removed  {HOME}/top/x.pid  "), "(dead)")?;
    gone_and_there(&["top/x.pid"], &["top/tmpfs/y.pid", "other/z.pid"])?;
    // What is bound is seen twice by us alone; that others may see it too is another verdict.
    let answer = ask(scene, "sweep --cross-mounts top")?;
    let removed = answer
        .out
        .contains("removed  /mnt/daemon/top/tmpfs/y.pid  ");
    let told = answer.out.contains("left  /mnt/daemon/top/bind/z.pid  ")
        && answer.out.contains("(shared)\n");
    answer.is(
        0,
        removed && told && answer.out.lines().count() == 2,
        "both",
    )?;
    gone_and_there(&["top/tmpfs/y.pid"], &["other/z.pid"])
}

fn links(scene: &Scene) -> Checked {
    scene.clear()?;
    for directory in ["top", "other"] {
        fs::create_dir(file(directory)).doing("make a directory")?;
    }
    for name in ["other/x.pid", "y.pid"] {
        write(name, NOBODY)?;
    }
    symlink("../other", file("top/directory")).doing("make a link")?;
    symlink("../y.pid", file("top/y.pid")).doing("make a link")?;
    symlink("..", file("other/round")).doing("make a link")?;
    ask(scene, "sweep top")?.is_lines(0, &[])?;
    gone_and_there(&[], &["other/x.pid", "y.pid"])?;
    let answer = ask(scene, "sweep --follow top")?;
    answer.is(0, answer.out.lines().count() == 2, "two removals")?;
    gone_and_there(&["other/x.pid", "y.pid"], &["top/y.pid", "top/directory"])
}

fn named_link(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("other")).doing("make a directory")?;
    symlink("other", file("link")).doing("make a link")?;
    write("other/x.pid", NOBODY)?;
    ask(scene, "sweep link")?.is_line(0, "removed  /mnt/daemon/link/x.pid  ", "(dead)")
}

fn once(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("sub")).doing("make a directory")?;
    write("sub/x.pid", "x\n")?;
    for line in [
        "sweep . sub",
        "sweep sub .",
        "sweep sub/x.pid . sub sub/x.pid ./sub/../sub/x.pid",
        "sweep . . sub/",
    ] {
        ask(scene, line)?.is_line(0, "left  ", "(garbled)")?;
    }
    Ok(())
}

fn newline(scene: &Scene) -> Checked {
    scene.clear()?;
    let directory = "a\nremoved  b";
    fs::create_dir(file(directory)).doing("make a directory")?;
    write(&format!("{directory}/b\x1b[31m.pid"), NOBODY)?;
    let begin = format!("removed  {HOME}/a\\nremoved  b/b\\u{{1b}}[31m.pid  ");
    ask(scene, "sweep .")?.is_line(0, &begin, "(dead)")
}

/// As the host's pidfile in a container: the directory is ours, the file is not.
fn mounted_file(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir_all(file("host")).doing("make a directory")?;
    fs::create_dir_all(file("ours")).doing("make a directory")?;
    write("host/x.pid", NOBODY)?;
    write("ours/x.pid", "")?;
    bind(&file("host/x.pid"), &file("ours/x.pid"))?;
    ask(scene, "sweep ours")?.is_line(0, "left  /mnt/daemon/ours/x.pid  ", "(shared)")?;
    // Even to the user's word: the kernel keeps a mount point where it is.
    let answer = ask(scene, "sweep ours/x.pid")?;
    answer.is_line(
        1,
        "left  ",
        "; it is mounted there by itself, from elsewhere (dead)",
    )?;
    gone_and_there(&[], &["host/x.pid", "ours/x.pid"])?;
    let text = fs::read_to_string(file("host/x.pid")).doing("read it")?;
    match text == NOBODY {
        true => Ok(()),
        false => Err(pidward_tests::failure::Failure::new("it was written", text)),
    }
}

/// A volume that is a whole file system: its mount does not tell who else has it. Named, the file is the user's.
fn disk(scene: &Scene) -> Checked {
    scene.clear()?;
    crate::disk::disk("ext4", "disk")?;
    write("disk/x.pid", NOBODY)?;
    let inside = |what: &str| {
        let mut unshare = crate::compare::bare("/usr/bin/unshare".as_ref());
        unshare.args(["--pid", "--fork", "--mount-proc"]);
        unshare
            .arg(scene.release.join("pidward"))
            .args(["sweep", what]);
        unshare.current_dir(HOME);
        crate::answer::Answer::of(unshare)
    };
    inside("disk")?.is_line(0, "left  ", "(shared)")?;
    gone_and_there(&[], &["disk/x.pid"])?;
    inside("disk/x.pid")?.is_line(0, "removed  ", "(dead)")
}
