//! What `pidward drop-in` writes into settings, and what it does not.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::Test;
use crate::machine::{LIBRARY, Machine};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        crate::test("the_lines_come_once_and_go_without_a_trace", come_and_go),
        crate::test(
            "the_lines_do_nothing_where_the_library_is_gone",
            without_library,
        ),
        crate::test("lines_that_were_changed_are_left_alone", changed),
        crate::test("what_a_script_takes_away_is_told", told),
        crate::test("without_such_a_script_there_are_no_lines", refused),
    ]
}

const SETTINGS: &str = "/etc/default/thing";

/// A service of this name, whose script has this line.
fn script(name: &str, line: &str) -> Checked {
    let text = format!("#!/bin/sh\n# a script\n{line}\nstart-stop-daemon --start --exec /x\n");
    fs::write(format!("/etc/init.d/{name}"), text).doing("write a script")
}

fn sources() -> Checked {
    script(
        "thing",
        "[ ! -r /etc/default/thing ] || . /etc/default/thing",
    )
}

/// Text, mode, user and group of the settings.
fn all_of_it() -> Checked<(Vec<u8>, u32, u32, u32)> {
    let file = fs::metadata(SETTINGS).doing(SETTINGS)?;
    let text = fs::read(SETTINGS).doing(SETTINGS)?;
    Ok((text, file.mode(), file.uid(), file.gid()))
}

fn come_and_go(machine: &Machine) -> Checked {
    sources()?;
    // Behind a link, not root's alone, and without a last end of line.
    let real = "/etc/thing.settings";
    symlink(real, SETTINGS).doing("link")?;
    for text in ["OPTIONS=\"-x\"\n", "OPTIONS=\"-x\"", "", "\n\n"] {
        fs::write(real, text).doing("write settings")?;
        chown(real, Some(1), Some(4)).doing("give it away")?;
        fs::set_permissions(real, fs::Permissions::from_mode(0o640)).doing("set its mode")?;
        let before = all_of_it()?;
        let printed = machine.does("pidward drop-in sysv thing")?;
        same("printing", &all_of_it()?, &before)?;
        machine.does("pidward drop-in sysv thing --install")?;
        let with = all_of_it()?;
        let block = printed.strip_prefix("# For /etc/default/thing:\n");
        let block = block.ok_or("none").doing("the lines")?;
        let (_, body) = block.split_once('\n').ok_or("none").doing("the lines")?;
        let said = String::from_utf8_lossy(&with.0).into_owned();
        if !said.starts_with(text) || !said.ends_with(body) {
            return Err(Failure::new("other lines", said));
        }
        same("the rest", &(with.1, with.2, with.3), &(before.1, 1, 4))?;
        let again = machine.line("pidward drop-in sysv thing --install")?;
        again.says("exited 0", "has these lines already")?;
        same("the second time", &all_of_it()?, &with)?;
        machine.does("pidward drop-in sysv thing --remove")?;
        same("after removal", &all_of_it()?, &before)?;
        let again = machine.line("pidward drop-in sysv thing --remove")?;
        again.says("exited 0", "has none of pidward's lines")?;
        if !fs::symlink_metadata(SETTINGS).is_ok_and(|it| it.is_symlink()) {
            return Err(Failure::new("the link is gone", SETTINGS));
        }
    }
    fs::remove_file(SETTINGS).doing("remove the settings")?;
    machine.does("pidward drop-in sysv thing --install")?;
    same("a new file's mode", &(all_of_it()?.1 & 0o7777), &0o644)?;
    machine.does("pidward drop-in sysv thing --remove")?;
    same(
        "a file of its own",
        &fs::exists(SETTINGS).ok(),
        &Some(false),
    )?;
    let left = fs::read_dir("/etc/default").doing("list")?.flatten();
    let is_ours = |name: &str| name.contains("thing");
    let mut left = left.map(|it| it.file_name().to_string_lossy().into_owned());
    same("files left", &left.find(|name| is_ours(name)), &None)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Checked {
    match found == expected {
        true => Ok(()),
        false => Err(Failure::new(
            what,
            format!("{found:?}\nexpected {expected:?}"),
        )),
    }
}

/// With all that a script may have set, and in a shell that is Debian's and one that is not.
fn without_library(machine: &Machine) -> Checked {
    sources()?;
    machine.does("pidward drop-in sysv thing --install")?;
    let says = |expected: &str| -> Checked {
        for shell in ["dash", "bash"] {
            let command = "set -eu; . /etc/default/thing; exec env";
            let answer = machine.run(&[shell, "-c", command])?;
            answer.is("exited 0")?;
            let set = answer
                .said
                .lines()
                .find_map(|it| it.strip_prefix("LD_PRELOAD="));
            same(shell, &set.unwrap_or_default(), &expected)?;
            if answer.said.contains("cannot be preloaded") {
                return Err(Failure::new("a new message", answer.said));
            }
        }
        Ok(())
    };
    says(LIBRARY)?;
    let lines = fs::read_to_string(SETTINGS).doing("read the settings")?;
    let others = format!("export LD_PRELOAD=libdl.so.2\n{lines}");
    fs::write(SETTINGS, others).doing("write settings")?;
    says(&format!("{LIBRARY}:libdl.so.2"))?;
    fs::write(SETTINGS, lines).doing("write settings")?;
    fs::remove_file(LIBRARY).doing("remove the library")?;
    says("")
}

fn changed(machine: &Machine) -> Checked {
    sources()?;
    machine.does("pidward drop-in sysv thing --install")?;
    let text = fs::read_to_string(SETTINGS).doing("read the settings")?;
    let text = text.replace("# pidward end\n", "");
    fs::write(SETTINGS, text).doing("write the settings")?;
    let before = all_of_it()?;
    for option in ["--install", "--remove"] {
        let answer = machine.line(&format!("pidward drop-in sysv thing {option}"))?;
        answer.says("exited 1", "stays as it is")?;
        same(option, &all_of_it()?, &before)?;
    }
    Ok(())
}

fn told(machine: &Machine) -> Checked {
    let asked = |name: &str| machine.line(&format!("pidward drop-in sysv {name}"));
    script("bare", "")?;
    let answer = asked("bare")?;
    answer.says("exited 0", "sources no file of settings")?;
    answer.says(
        "exited 0",
        "--startas /usr/local/bin/pidward -- run -p PIDFILE --",
    )?;
    answer.says("exited 0", "export LD_PRELOAD=")?;
    let install = machine.line("pidward drop-in sysv bare --install")?;
    install.says("exited 1", "sources no file of settings")?;
    script("clean", ". /etc/default/clean\nenv -i PATH=/bin x")?;
    asked("clean")?.says("exited 0", "line 4 of its script clears the environment")?;
    script("other", ". /etc/default/rcS\n. /etc/default/locale2")?;
    asked("other")?.says("exited 0", "may be sourced by other services too")?;
    sources()?;
    let plain = asked("thing")?;
    same("of a plain one", &plain.said.contains("pidward: "), &false)?;
    fs::create_dir_all("/run/systemd/system").doing("have systemd run")?;
    asked("thing")?.says("exited 0", "systemd runs here")
}

fn refused(machine: &Machine) -> Checked {
    sources()?;
    for (line, status, words) in [
        (
            "sysv nothing",
            "exited 2",
            "there is no /etc/init.d/nothing",
        ),
        ("sysv ../thing", "exited 2", "is no name of a service"),
        ("openrc thing", "exited 2", "is no script for openrc-run"),
    ] {
        let answer = machine.line(&format!("pidward drop-in {line}"))?;
        answer.says(status, words)?;
    }
    let as_nobody = "setpriv --reuid 65534 --clear-groups pidward drop-in sysv thing --install";
    machine
        .line(as_nobody)?
        .says("exited 4", "permission denied")?;
    same("settings", &fs::exists(SETTINGS).ok(), &Some(false))?;
    fs::remove_file(LIBRARY).doing("remove the library")?;
    let answer = machine.line("pidward drop-in sysv thing")?;
    answer.says("exited 4", "cannot be used")
}
