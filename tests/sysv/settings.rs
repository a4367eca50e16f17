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
        crate::test("lines_that_would_do_nothing_are_not_written", ineffective),
        crate::test(
            "settings_that_are_not_one_file_of_one_name_stay",
            not_one_file,
        ),
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

/// Behind an end that swallows them, or that is never reached.
fn ineffective(machine: &Machine) -> Checked {
    sources()?;
    for (text, words) in [
        ("A=1\nB=2\\\n", "its last line goes on behind its end"),
        ("A=1 \\", "its last line goes on behind its end"),
        ("cat <<EOF >/dev/null\nx\n", "or a here-document does"),
        ("[ -e /x ] &&\n", "the shell does not take it: "),
        ("A='1\n", "the shell does not take it: "),
        ("A=1\nreturn 0\nB=2\n", "line 2 leaves the file: return 0"),
        ("A=1; exit\n", "line 1 leaves the file: A=1; exit"),
    ] {
        fs::write(SETTINGS, text).doing("write settings")?;
        let before = all_of_it()?;
        let answer = machine.line("pidward drop-in sysv thing --install")?;
        answer.says(
            "exited 1",
            "lines at the end of /etc/default/thing would do nothing",
        )?;
        answer.says("exited 1", words)?;
        same(text, &all_of_it()?, &before)?;
        // Who puts them elsewhere is told how they are.
        let answer = machine.line("pidward drop-in sysv thing")?;
        answer.says("exited 0", words)?;
        answer.says("exited 0", "export LD_PRELOAD=")?;
    }
    // These do something: the shell says so.
    for text in [
        "cat <<EOF >/dev/null\n'exit\nEOF\n",
        "f() { return 1; }\n# don't\nA=\"it's\"\n",
        "case x in exit) A=1;; esac\n(exit 1) || :\n",
        "[ -e / ] || return 0\nif [ ! -e / ]; then\nexit\nfi\n",
    ] {
        fs::write(SETTINGS, text).doing("write settings")?;
        let said = machine.does("pidward drop-in sysv thing --install")?;
        same("to tell", &said.contains("pidward: "), &false)?;
        let said = machine.run(&["sh", "-c", "set -e; . /etc/default/thing; echo $LD_PRELOAD"])?;
        said.says("exited 0", LIBRARY)?;
    }
    Ok(())
}

fn not_one_file(machine: &Machine) -> Checked {
    sources()?;
    let refused = |words: &str| -> Checked {
        for option in ["--install", "--remove"] {
            let answer = machine.line(&format!("pidward drop-in sysv thing {option}"))?;
            answer.says("exited 1", words)?;
        }
        Ok(())
    };
    let nowhere = "/etc/thing.settings";
    symlink(nowhere, SETTINGS).doing("link")?;
    refused("it is a symbolic link to /etc/thing.settings, which is not there")?;
    same(
        "the link",
        &fs::read_link(SETTINGS).ok(),
        &Some(nowhere.into()),
    )?;
    fs::write(nowhere, "A=1\n").doing("write settings")?;
    fs::hard_link(nowhere, "/etc/thing.other").doing("link")?;
    refused("the file has 2 names")?;
    same(
        "its names",
        &fs::metadata(SETTINGS).doing(SETTINGS)?.nlink(),
        &2,
    )?;
    fs::remove_file(SETTINGS).doing("remove the link")?;
    let made = machine.line("mkfifo /etc/default/thing")?;
    made.is("exited 0")?;
    refused("it is no regular file")?;
    // Nor does a script make anybody wait.
    fs::remove_file("/etc/init.d/thing").doing("remove the script")?;
    machine.line("mkfifo /etc/init.d/thing")?.is("exited 0")?;
    let answer = machine.line("timeout 5 pidward drop-in sysv thing")?;
    answer.says(
        "exited 4",
        "cannot read /etc/init.d/thing: it is no regular file",
    )?;
    script("other", ". /etc/default/thing")?;
    machine
        .does("timeout 5 pidward drop-in sysv other")
        .map(drop)
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
    let words =
        "line 4 of its script keeps LD_PRELOAD, and with it the library, from what it starts: ";
    for line in [
        "env -i PATH=/bin x",
        "env -u LD_PRELOAD x",
        "unset LD_PRELOAD",
        "su -s /bin/sh -l x",
        "exec -c x",
        "doas -u x y",
        "sudo -u x y",
    ] {
        script("clean", &format!(". /etc/default/clean\n{line}"))?;
        asked("clean")?.says("exited 0", &format!("{words}{line}"))?;
    }
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
