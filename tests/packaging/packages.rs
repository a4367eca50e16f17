//! The Debian and the RPM package.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;

use super::scratch::Scratch;
use super::{Test, said, same, source};

pub(super) const TESTS: &[Test] = &[
    ("lintian_finds_no_fault_with_the_debian_package", lintian),
    ("rpmlint_finds_no_fault_with_the_rpm_package", rpmlint),
    (
        "both_packages_and_make_install_have_the_same_files",
        same_files,
    ),
    ("library_and_guard_are_at_fixed_paths", fixed_paths),
    ("all_files_are_roots_and_nobody_elses_to_write", modes),
    ("what_is_shipped_is_what_was_built_byte_for_byte", unchanged),
    ("the_same_source_makes_the_same_packages", reproducible),
    ("nobody_is_offered_the_library_to_link_with", provides),
];

/// A package, and the directory that it is in.
pub(super) struct Package {
    _directory: Scratch,
    pub(super) file: PathBuf,
}

/// Makes a package: `deb` or `rpm`.
pub(super) fn build(kind: &str, version: &str) -> Checked<Package> {
    let directory = Scratch::new(&format!("{kind}-{version}"))?;
    let script = source().join(format!("packaging/build-{kind}"));
    made_by(
        Command::new(script).arg(directory.path().join("built")),
        directory,
        kind,
        version,
    )
}

/// The package that a script makes.
fn made_by(
    script: &mut Command,
    directory: Scratch,
    kind: &str,
    version: &str,
) -> Checked<Package> {
    let said = said(script.arg(version))?;
    let file = said
        .lines()
        .rev()
        .find(|line| line.ends_with(&format!(".{kind}")));
    let file = file.ok_or_else(|| Failure::new("no package", &said))?;
    Ok(Package {
        file: PathBuf::from(file),
        _directory: directory,
    })
}

/// Made once for all tests that only look at it.
fn made(kind: &'static str) -> Checked<&'static Package> {
    static DEB: OnceLock<Checked<Package>> = OnceLock::new();
    static RPM: OnceLock<Checked<Package>> = OnceLock::new();
    let once = if kind == "deb" { &DEB } else { &RPM };
    let made = once.get_or_init(|| build(kind, env!("CARGO_PKG_VERSION")));
    made.as_ref().map_err(Clone::clone)
}

fn lintian() -> Checked {
    let file = &made("deb")?.file;
    // Whose word it is that the library has to be linked with what it uses, is no judge of LD_PRELOAD: E and W fail.
    let mut command = Command::new("lintian");
    command
        .args(["--fail-on", "error,warning", "--allow-root"])
        .arg(file);
    let said = said(&mut command)?;
    same("lintian speaks", &said.trim(), &"")
}

fn rpmlint() -> Checked {
    let configuration = source().join("packaging/rpm/rpmlint.toml");
    let mut command = Command::new("rpmlint");
    command.arg("-c").arg(configuration).arg(&made("rpm")?.file);
    let said = said(&mut command)?;
    match said.contains("0 errors, 0 warnings") {
        true => Ok(()),
        false => Err(Failure::new("rpmlint speaks", said)),
    }
}

/// The files of a Debian package.
fn of_deb() -> Checked<BTreeSet<String>> {
    let said = said(Command::new("dpkg-deb").arg("-c").arg(&made("deb")?.file))?;
    let files = said.lines().filter(|line| line.starts_with('-'));
    let names = files.filter_map(|line| line.split_whitespace().nth(5));
    Ok(names
        .map(|name| name.trim_start_matches('.').to_owned())
        .collect())
}

fn of_rpm() -> Checked<BTreeSet<String>> {
    let said = said(Command::new("rpm").args(["-qlvp"]).arg(&made("rpm")?.file))?;
    let files = said.lines().filter(|line| line.starts_with('-'));
    let names = files.filter_map(|line| line.split_whitespace().last());
    Ok(names.map(str::to_owned).collect())
}

/// What `make install` installs below a directory, which packages are made of.
fn of_make() -> Checked<BTreeSet<String>> {
    let scratch = Scratch::new("install")?;
    let mut make = Command::new("make");
    make.args(["install", "PREFIX=/usr", "-C"]).arg(source());
    make.arg(format!("DESTDIR={}", scratch.path().display()));
    said(&mut make)?;
    let found = said(
        Command::new("find")
            .arg(scratch.path())
            .args(["-type", "f"]),
    )?;
    let top = scratch.path().display().to_string();
    Ok(found
        .lines()
        .map(|file| file.replacen(&top, "", 1))
        .collect())
}

/// But for the rules of each distribution.
fn same_files() -> Checked {
    let plain = |files: BTreeSet<String>| -> BTreeSet<String> {
        let plain = files
            .iter()
            .map(|file| file.trim_end_matches(".gz").to_owned());
        let of_distributions = ["/usr/share/doc/", "/usr/share/lintian/", "/etc/init.d/"];
        let common = plain.filter(|file| !of_distributions.iter().any(|it| file.starts_with(it)));
        common
            .map(|file| {
                let file = file.replace("/zsh/vendor-completions/", "/zsh/site-functions/");
                match file.strip_prefix("/lib/") {
                    Some(rest) => format!("/usr/lib/{rest}"),
                    None => file,
                }
            })
            .collect()
    };
    let (deb, rpm, made) = (plain(of_deb()?), plain(of_rpm()?), plain(of_make()?));
    same("the Debian package", &deb, &made)?;
    same("the RPM package", &rpm, &made)?;
    let count = made.iter().filter(|file| file.contains("/man/")).count();
    match count > 10 {
        true => Ok(()),
        false => Err(Failure::new("man pages are missing", format!("{made:#?}"))),
    }
}

fn fixed_paths() -> Checked {
    let files = of_deb()?;
    for file in ["libpidward.so", "pidward-guard"] {
        let path = Path::new("/usr/lib/pidward").join(file);
        if !files.contains(path.to_str().unwrap_or_default()) {
            return Err(Failure::new("not there", path.display()));
        }
    }
    // The linker looks for libraries in no directory of that name.
    let cache = said(Command::new("/sbin/ldconfig").args(["-v", "-N", "-X"]))?;
    match cache
        .lines()
        .any(|line| line.starts_with("/usr/lib/pidward"))
    {
        true => Err(Failure::new("the linker looks there", cache)),
        false => Ok(()),
    }
    .doing("look where the linker looks")
}

/// Mode and user of each file, as ls(1) has them.
fn listed(lines: &str, user: impl Fn(&[&str]) -> String) -> BTreeMap<String, (String, String)> {
    let files = lines.lines().filter(|line| line.starts_with('-'));
    let listed = files.filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = words.last()?.trim_start_matches('.').to_owned();
        Some((name, (words[0].to_owned(), user(&words))))
    });
    listed.collect()
}

fn modes() -> Checked {
    let deb = said(Command::new("dpkg-deb").arg("-c").arg(&made("deb")?.file))?;
    let rpm = said(Command::new("rpm").args(["-qlvp"]).arg(&made("rpm")?.file))?;
    let deb = listed(&deb, |words| words[1].to_owned());
    let rpm = listed(&rpm, |words| format!("{}/{}", words[2], words[3]));
    let programs = [
        "/usr/bin/pidward",
        "/usr/lib/pidward/pidward-guard",
        "/etc/init.d/pidward-sweep",
    ];
    for (kind, files) in [("deb", &deb), ("rpm", &rpm)] {
        let expected = files.keys().map(|name| {
            let mode = if programs.contains(&name.as_str()) {
                "-rwxr-xr-x"
            } else {
                "-rw-r--r--"
            };
            (name.clone(), (mode.to_owned(), "root/root".to_owned()))
        });
        same(kind, files, &expected.collect())?;
        if files.len() < 20 {
            return Err(Failure::new("files are missing", format!("{files:#?}")));
        }
    }
    Ok(())
}

/// What the tests look at is what users get.
fn unchanged() -> Checked {
    let unpacked = Scratch::new("unpacked")?;
    let deb = &made("deb")?.file;
    said(
        Command::new("dpkg-deb")
            .arg("-x")
            .arg(deb)
            .arg(unpacked.path()),
    )?;
    let rpm = said(
        Command::new("rpm")
            .args(["-qp", "--dump"])
            .arg(&made("rpm")?.file),
    )?;
    let digest = |file: &Path| -> Checked<String> {
        let said = said(Command::new("sha256sum").arg(file))?;
        Ok(said
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned())
    };
    for (built, shipped) in [
        ("pidward", "/usr/bin/pidward"),
        ("pidward-guard", "/usr/lib/pidward/pidward-guard"),
        ("libpidward.so", "/usr/lib/pidward/libpidward.so"),
    ] {
        let built = digest(&release::directory()?.join(built))?;
        same(
            "in the Debian package",
            &digest(&unpacked.path().join(&shipped[1..]))?,
            &built,
        )?;
        let line = rpm
            .lines()
            .find(|line| line.starts_with(&format!("{shipped} ")));
        // Its name, size, time, digest.
        let of_rpm = line.and_then(|line| line.split_whitespace().nth(3));
        same("in the RPM package", &of_rpm, &Some(built.as_str()))?;
    }
    Ok(())
}

/// In another directory, of files that were written at another time.
fn reproducible() -> Checked {
    let copy = Scratch::new("copy")?;
    let mut archive = Command::new("cp");
    archive.current_dir(source()).arg("-r");
    archive.args(["packaging", "Makefile", "Cargo.toml"]);
    archive.args([
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ]);
    said(archive.arg(copy.path()))?;
    let release = release::directory()?
        .canonicalize()
        .doing("find what was built")?;
    let target = release.parent().unwrap_or(&release);
    // The day is that of the source as it was committed, which the copy does not know.
    let day = said(&mut Command::new(source().join("packaging/source-date")))?;
    for kind in ["deb", "rpm"] {
        let directory = Scratch::new(&format!("again-{kind}"))?;
        let mut script = Command::new(copy.path().join(format!("packaging/build-{kind}")));
        script.arg(directory.path().join("built"));
        script
            .env("CARGO_TARGET_DIR", target)
            .env("SOURCE_DATE_EPOCH", day.trim());
        let again = made_by(&mut script, directory, kind, env!("CARGO_PKG_VERSION"))?;
        said(Command::new("cmp").arg(&made(kind)?.file).arg(&again.file))?;
    }
    Ok(())
}

fn provides() -> Checked {
    let said = said(
        Command::new("rpm")
            .args(["-qp", "--provides"])
            .arg(&made("rpm")?.file),
    )?;
    match said.contains("libpidward") {
        true => Err(Failure::new("the library is offered", said)),
        false => Ok(()),
    }
}
