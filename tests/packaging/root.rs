//! The Debian package in a fresh Debian: it is installed, upgraded, removed and purged, and leaves nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};

use super::scratch::Scratch;
use super::{Test, packages, said, same};

pub(super) const TESTS: &[Test] = &[(
    "in_a_fresh_debian_it_comes_is_upgraded_and_goes_without_a_trace",
    life,
)];

fn life() -> Checked {
    let root = fresh()?;
    let before = listing(root.path())?;
    let old = packages::build("deb", "0.0.1")?;
    let new = packages::build("deb", env!("CARGO_PKG_VERSION"))?;
    for package in [&old, &new] {
        fs::copy(&package.file, root.path().join("root/pidward.deb")).doing("copy the package")?;
        inside(root.path(), &["dpkg", "-i", "/root/pidward.deb"])?;
        let answer = inside(root.path(), &["pidward", "run", "--", "echo", "hello"])?;
        same("run", &answer.trim(), &"hello")?;
        enabled(root.path(), true)?;
    }
    let version = inside(root.path(), &["pidward", "--version"])?;
    same(
        "the version",
        &version.trim(),
        &concat!("pidward ", env!("CARGO_PKG_VERSION")),
    )?;
    // A guard's link.
    fs::create_dir_all(root.path().join("var/lib/pidward/known")).doing("make a link")?;
    inside(root.path(), &["dpkg", "-r", "pidward"])?;
    if root.path().join("usr/bin/pidward").exists() {
        return Err(Failure::new("it is not removed", "usr/bin/pidward"));
    }
    inside(root.path(), &["dpkg", "-P", "pidward"])?;
    fs::remove_file(root.path().join("root/pidward.deb")).doing("remove the package")?;
    let left: Vec<String> = listing(root.path())?.difference(&before).cloned().collect();
    same("it leaves something", &left, &Vec::new())
}

/// As little of Debian as there is. The mirror is the one that this machine has.
fn fresh() -> Checked<Scratch> {
    let root = Scratch::new("root")?;
    let release = fs::read_to_string("/etc/os-release").doing("which Debian this is")?;
    let suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let suite = suite.ok_or("none").doing("which Debian this is")?;
    let mut targets = Command::new("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(SITE)",
        "Created-By: Packages",
    ]);
    targets.args(["Component: main", &format!("Codename: {suite}")]);
    let mirrors = said(&mut targets)?;
    let mirror = mirrors
        .lines()
        .next()
        .ok_or("none")
        .doing("find a mirror")?;
    // Its mounts end with it.
    let mut debootstrap = Command::new("unshare");
    debootstrap.args(["--mount", "debootstrap", "--variant=minbase", suite]);
    said(debootstrap.arg(root.path()).arg(mirror))?;
    Ok(root)
}

fn inside(root: &Path, words: &[&str]) -> Checked<String> {
    let mut command = Command::new("chroot");
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
        .env("LC_ALL", "C")
        .env("DEBIAN_FRONTEND", "noninteractive");
    said(command.arg(root).args(words))
}

/// All files, but for what dpkg and ldconfig write about themselves.
fn listing(root: &Path) -> Checked<BTreeSet<String>> {
    let mut find = Command::new("find");
    find.args([".", "-not", "-path", "./proc/*"])
        .current_dir(root);
    let files = said(&mut find)?;
    let own = ["./var/lib/dpkg/", "./var/log/", "./var/cache/"];
    let others = files
        .lines()
        .filter(|file| !own.iter().any(|it| file.starts_with(it)));
    Ok(others.map(str::to_owned).collect())
}

/// The sweep at boot, for systemd and for sysvinit.
fn enabled(root: &Path, expected: bool) -> Checked {
    let links = [
        "etc/systemd/system/sysinit.target.wants/pidward-sweep.service",
        "etc/rcS.d",
    ];
    let systemd = root.join(links[0]).symlink_metadata().is_ok();
    let scripts = fs::read_dir(root.join(links[1]))
        .into_iter()
        .flatten()
        .flatten();
    let mut names = scripts.map(|script| script.file_name().to_string_lossy().into_owned());
    let sysvinit = names.any(|name| name.starts_with('S') && name.ends_with("pidward-sweep"));
    same(
        "the sweep at boot",
        &(systemd, sysvinit),
        &(expected, expected),
    )
}
