//! What others include: packages of daemons, and profiles of AppArmor.

use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;

use super::scratch::Scratch;
use super::{Test, said, same, source};

pub(super) const TESTS: &[Test] = &[
    ("the_abstraction_for_apparmor_is_sound", apparmor),
    (
        "a_daemons_script_preloads_the_library_where_it_is_installed_and_only_there",
        script,
    ),
    ("a_daemons_unit_names_the_same_file", unit),
];

fn apparmor() -> Checked {
    let base = Scratch::new("apparmor")?;
    let abstractions = base.path().join("abstractions");
    fs::create_dir(&abstractions).doing("make a directory")?;
    let abstraction = source().join("packaging/apparmor/pidward");
    fs::copy(abstraction, abstractions.join("pidward")).doing("copy the abstraction")?;
    let profile = base.path().join("daemon");
    let text = "include <tunables/global>\nprofile daemon /usr/sbin/daemon {\n  include <abstractions/pidward>\n}\n";
    fs::write(&profile, text).doing("write a profile")?;
    let mut parser = Command::new("apparmor_parser");
    parser.args(["--skip-kernel-load", "--skip-cache", "--debug", "--base"]);
    parser
        .arg(base.path())
        .args(["--Include", "/etc/apparmor.d"])
        .arg(profile);
    let said = said(&mut parser)?;
    match said.contains("libpidward.so") {
        true => Ok(()),
        false => Err(Failure::new("the abstraction is not included", said)),
    }
}

/// With the paths of a scratch directory.
fn script() -> Checked {
    let installed = Scratch::new("script")?;
    let environment = installed.path().join("preload.env");
    let lines = fs::read_to_string(source().join("packaging/maintainers/init-script"));
    let lines = lines.doing("read the lines")?;
    let path = environment.display().to_string();
    let lines = lines.replace("/usr/lib/pidward/preload.env", &path);
    let script = format!("set -eu\n{lines}\ngrep -c libpidward.so /proc/self/maps || :\n");
    let run = || said(Command::new("sh").args(["-c", &script]));
    same("without pidward", &run()?.trim(), &"0")?;
    let library = release::directory()?.join("libpidward.so");
    let library = library.canonicalize().doing("find the library")?;
    let text = format!("LD_PRELOAD={}\n", library.display());
    fs::write(&environment, text).doing("install")?;
    match run()?.trim() {
        "0" => Err(Failure::new("the library is not there", lines)),
        _ => Ok(()),
    }
}

fn unit() -> Checked {
    let unit = fs::read_to_string(source().join("packaging/maintainers/pidward.conf"));
    let unit = unit.doing("read the drop-in")?;
    let line = unit.lines().last().unwrap_or_default();
    same(
        "its line",
        &line,
        &"EnvironmentFile=-/usr/lib/pidward/preload.env",
    )
}
