//! The packages are installed, upgraded and removed, and leave nothing: the Debian one in a fresh Debian, the RPM one in a
//! root with a shell and a systemctl that writes down what it is asked.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing};

use super::scratch::Scratch;
use super::{Test, packages, said, same};

pub(super) const TESTS: &[Test] = &[
    (
        "in_a_fresh_debian_it_comes_is_upgraded_and_goes_without_a_trace",
        life,
    ),
    (
        "the_rpm_package_comes_is_upgraded_and_goes_without_a_trace",
        life_of_rpm,
    ),
];

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
    leave_a_link(root.path())?;
    inside(root.path(), &["dpkg", "-r", "pidward"])?;
    same(
        "the command",
        &there(root.path(), "usr/bin/pidward"),
        &false,
    )?;
    same(
        "a removed package's links",
        &there(root.path(), LINK),
        &true,
    )?;
    inside(root.path(), &["dpkg", "-P", "pidward"])?;
    fs::remove_file(root.path().join("root/pidward.deb")).doing("remove the package")?;
    as_before(root.path(), &before)
}

/// What a guard leaves of a pidfile while it lives.
const LINK: &str = "var/lib/pidward/known/1";

fn leave_a_link(root: &Path) -> Checked {
    let link = root.join(LINK);
    fs::create_dir_all(link.parent().unwrap_or(&link)).doing("make a link")?;
    symlink("/srv/x.pid", link).doing("make a link")
}

fn there(root: &Path, name: &str) -> bool {
    root.join(name).symlink_metadata().is_ok()
}

/// Nothing more is there, and nothing less.
fn as_before(root: &Path, before: &BTreeSet<String>) -> Checked {
    let after = listing(root)?;
    let difference: Vec<&String> = after.symmetric_difference(before).collect();
    same("what it has changed", &difference, &Vec::new())
}

fn life_of_rpm() -> Checked {
    let root = Scratch::new("rpm-root")?;
    // What each distribution has of its own.
    let sections = ["1", "5", "7", "8"].map(|section| format!("usr/share/man/man{section}"));
    let others = ["bin", "dev", "etc", "tmp", "usr/bin", "usr/share/doc"];
    let others = others
        .into_iter()
        .chain(["usr/lib/systemd/system", "var/lib/rpm", "var/tmp"]);
    for directory in others.map(str::to_owned).chain(sections) {
        fs::create_dir_all(root.path().join(directory)).doing("make a root")?;
    }
    // Static, from busybox-static.
    fs::copy("/bin/busybox", root.path().join("bin/busybox")).doing("copy busybox")?;
    for name in ["sh", "rm"] {
        symlink("busybox", root.path().join("bin").join(name)).doing("make a root")?;
    }
    let systemctl = root.path().join("usr/bin/systemctl");
    fs::write(&systemctl, "#!/bin/sh\necho \"$*\" >>/asked\n").doing("make a systemctl")?;
    fs::set_permissions(systemctl, fs::Permissions::from_mode(0o755)).doing("make a systemctl")?;
    // A file takes what the scripts throw away.
    for name in ["asked", "dev/null"] {
        fs::write(root.path().join(name), "").doing("make a root")?;
    }
    let asked = |what: &str, lines: &str| -> Checked {
        let asked = fs::read_to_string(root.path().join("asked")).doing("what was asked")?;
        same(what, &asked.as_str(), &lines)
    };
    let rpm = |arguments: &[&str]| {
        let mut command = Command::new("rpm");
        // Debian's rpm leaves installing to dpkg, unless it is told.
        command.args(["--force-debian", "--dbpath", "/var/lib/rpm", "--root"]);
        said(command.arg(root.path()).args(arguments))
    };
    let old = packages::build("rpm", "0.0.1")?;
    let new = packages::build("rpm", env!("CARGO_PKG_VERSION"))?;
    let before = listing(root.path())?;
    // This root has none of what the package needs.
    rpm(&["-i", "--nodeps", &old.file.to_string_lossy()])?;
    let preset = "--no-reload preset pidward-sweep.service\n";
    asked("when it comes", preset)?;
    leave_a_link(root.path())?;
    rpm(&["-U", "--nodeps", &new.file.to_string_lossy()])?;
    asked("what an administrator has disabled stays so", preset)?;
    same(
        "an upgraded package's links",
        &there(root.path(), LINK),
        &true,
    )?;
    let version = rpm(&["-q", "--queryformat", "%{VERSION}", "pidward"])?;
    same("the version", &version.as_str(), &env!("CARGO_PKG_VERSION"))?;
    rpm(&["-e", "pidward"])?;
    let disable = "--no-reload disable pidward-sweep.service\n";
    asked("when it goes", &format!("{preset}{disable}"))?;
    as_before(root.path(), &before)
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

/// All files, but for what dpkg, rpm and ldconfig write about themselves.
fn listing(root: &Path) -> Checked<BTreeSet<String>> {
    let mut find = Command::new("find");
    find.args([".", "-not", "-path", "./proc/*"])
        .current_dir(root);
    let files = said(&mut find)?;
    let own = [
        "./var/lib/dpkg/",
        "./var/lib/rpm/",
        "./var/log/",
        "./var/cache/",
    ];
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
