//! The command is what pidward was: the same process, with the same of everything that a process has.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};

use super::pidward;
use crate::compare::bare;
use crate::legacy::{Ended, Legacy};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

/// What a process is started with, by the words that start it so.
const STARTS: &[&str] = &[
    "",
    "env --ignore-signal=PIPE --ignore-signal=CHLD",
    "env --default-signal=PIPE --block-signal=USR1 --block-signal=CHLD",
    "env --ignore-signal=HUP,INT,TERM --block-signal=TERM,RTMIN",
    "sh -c exec<&-;exec\t\"$@\" sh",
    "sh -c exec<&-;exec\t2>&-;exec\t\"$@\" sh",
    "sh -c exec\t7<.;umask\t27;ulimit\t-n\t64;cd\t/usr;exec\t\"$@\" sh",
    "nice -n 5 setsid -w",
];

/// What the command looks at. Not `SigQ`: it counts the signals of all that the user runs, other tests too.
const LOOKS: &str = "cat /proc/self/limits; pwd; nice; \
                     grep -E '^(Sig[PBIC]|Shd|Umask|Cap|Groups|NoNewPrivs|Seccomp:)' /proc/self/status";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "the_command_finds_all_as_if_pidward_had_not_been_there",
            |scene| same(scene, &["run"]),
        ),
        each("the_command_has_pidwards_pid_and_parent", pid),
        each("the_command_ends_as_it_would_have", ends),
        each("the_command_gets_its_arguments_byte_for_byte", |scene| {
            arguments(scene, &["run"])
        }),
        each("the_environment_changes_by_two_variables", environment),
        each(
            "without_preloading_the_environment_stays_as_it_is",
            no_preload,
        ),
        each("what_was_preloaded_stays_preloaded", preloaded),
        each("the_command_has_no_child_of_pidwards", no_child),
    ]
    .into_iter()
}

/// This program, or what is run by it, under each of the starts.
pub(super) fn started(start: &str, program: &Command) -> Command {
    let mut words: Vec<OsString> = start
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| word.replace('\t', " ").into())
        .collect();
    words.push(program.get_program().to_owned());
    words.extend(program.get_args().map(OsString::from));
    let mut command = bare(words.remove(0).as_ref());
    command.args(words);
    command
}

/// The command of this kind of run finds what it would have found without.
pub(crate) fn same(scene: &Scene, run: &[&str]) -> Checked {
    // Shells clear the signal mask that they inherit, so one look is without.
    let legacy = Scene::program(LEGACY).display().to_string();
    let looks = "descriptors children status Sig status ShdPnd status Umask";
    let alone: Vec<&str> = [legacy.as_str()]
        .into_iter()
        .chain(looks.split(' '))
        .collect();
    let shell = format!("{LOOKS}; {legacy} {looks}");
    for start in STARTS {
        looks_the_same(scene, run, start, &["/bin/sh", "-c", &shell], 20)?;
        looks_the_same(scene, run, start, &alone, 8)?;
    }
    Ok(())
}

/// This command says the same with and without, and at least so many lines.
fn looks_the_same(
    scene: &Scene,
    run: &[&str],
    start: &str,
    look: &[&str],
    least: usize,
) -> Checked {
    let life = |with: bool| -> Checked<Ended> {
        scene.clear()?;
        let (program, arguments) = look.split_first().ok_or("nothing").doing("look")?;
        let mut command = if with {
            let mut command = pidward(scene, run);
            command.args(["-p", "/mnt/daemon/x.pid", "--no-preload", "--", program]);
            command
        } else {
            bare(program.as_ref())
        };
        command.args(arguments);
        Legacy::start(started(start, &command))?.end()
    };
    let (without, with) = (life(false)?, life(true)?);
    if without.said.lines().count() < least {
        return Err(Failure::new("the test itself", format!("{without:#?}")));
    }
    if (lines(&without.said), without.status) != (lines(&with.said), with.status) {
        let evidence = format!("{start}\nwithout {}\nwith {}", without.said, with.said);
        return Err(Failure::new("sees something else", evidence));
    }
    Ok(())
}

/// Without the one that counts the signals that wait for all processes of the user.
fn lines(said: &str) -> Vec<&str> {
    let lines = said.lines();
    lines.filter(|line| !line.starts_with("SigQ:")).collect()
}

fn pid(scene: &Scene) -> Checked {
    scene.clear()?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--", "sh", "-c"]);
    command.arg("echo $$ $PPID");
    let command = Legacy::start(command)?;
    let expected = format!("{} 1\n", command.process.pid);
    let said = command.end()?.said;
    match said == expected {
        true => Ok(()),
        false => Err(Failure::new("another process", format!("{said}{expected}"))),
    }
}

fn ends(scene: &Scene) -> Checked {
    for (death, code, signal) in [
        ("die return", Some(7), None),
        ("raise 9", None, Some(Signal::SIGKILL)),
        ("raise 15", None, Some(Signal::SIGTERM)),
        ("raise 13", None, Some(Signal::SIGPIPE)),
        ("die abort", None, Some(Signal::SIGABRT)),
    ] {
        scene.clear()?;
        let mut command = pidward(scene, &["run", "-p", "x.pid", "--"]);
        command.arg(Scene::program(LEGACY)).args(death.split(' '));
        let ended = Legacy::start(command)?.end()?;
        let found = (ended.status.code(), ended.status.signal());
        if found != (code, signal.map(|signal| signal as i32)) {
            return Err(Failure::new("ends otherwise", format!("{ended:#?}")));
        }
    }
    Ok(())
}

/// The command of this kind of run gets its arguments as they were given.
pub(crate) fn arguments(scene: &Scene, run: &[&str]) -> Checked {
    scene.clear()?;
    let odd: [&[u8]; 8] = [
        b"",
        b" a  b ",
        b"x\ny",
        b"--",
        b"-p",
        b"--no-preload",
        b"*$HOME`'\"\\",
        b"\xff\xfe",
    ];
    let odd: Vec<OsString> = odd
        .iter()
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    let show = ["-c", "for a; do printf '%s|' \"$a\"; done | od -c", "name"];
    let life = |mut command: Command| -> Checked<String> {
        command.args(show).args(&odd);
        Ok(Legacy::start(command)?.end()?.said)
    };
    let without = life(bare("/bin/sh".as_ref()))?;
    for before in [&["/bin/sh"][..], &["--", "/bin/sh"]] {
        let with = life(pidward(scene, &[run, before].concat()))?;
        if with != without {
            return Err(Failure::new(
                "other arguments",
                format!("{without}\n{with}"),
            ));
        }
    }
    Ok(())
}

/// What the command finds in its environment, when pidward has these variables besides.
fn variables(
    scene: &Scene,
    options: &[&str],
    besides: &[(&str, &str)],
) -> Checked<(String, String)> {
    scene.clear()?;
    let life = |mut command: Command| -> Checked<String> {
        command
            .envs(besides.iter().copied())
            .env("A_LINE", "x\ny=z")
            .env("EMPTY", "");
        Ok(Legacy::start(command)?.end()?.said)
    };
    let mut command = pidward(scene, &["run"]);
    command
        .args(options)
        .args(["--", "cat", "/proc/self/environ"]);
    let mut without = bare("cat".as_ref());
    without.arg("/proc/self/environ");
    Ok((
        life(without)?.replace('\0', "\n"),
        life(command)?.replace('\0', "\n"),
    ))
}

fn expect(found: &str, expected: &str) -> Checked {
    match found == expected {
        true => Ok(()),
        false => Err(Failure::new(
            "another environment",
            format!("{found}\nexpected\n{expected}"),
        )),
    }
}

fn environment(scene: &Scene) -> Checked {
    let library = scene.release.join("libpidward.so");
    let (without, with) = variables(scene, &["-p", "x.pid", "-p", "/mnt/daemon/y.pid"], &[])?;
    let added = format!(
        "PIDWARD_PIDFILE=/mnt/daemon/x.pid:/mnt/daemon/y.pid\nLD_PRELOAD={}\n",
        library.display()
    );
    expect(&with, &(without + &added))
}

fn no_preload(scene: &Scene) -> Checked {
    let besides = [("LD_PRELOAD", "libm.so.6")];
    let (without, with) = variables(scene, &["-p", "x.pid", "--no-preload"], &besides)?;
    expect(&with, &without)
}

fn preloaded(scene: &Scene) -> Checked {
    let library = scene.release.join("libpidward.so");
    let (without, with) = variables(scene, &[], &[("LD_PRELOAD", "libm.so.6 libdl.so.2")])?;
    let prefixed = format!("LD_PRELOAD={}:libm.so.6 libdl.so.2\n", library.display());
    expect(
        &with,
        &without.replace("LD_PRELOAD=libm.so.6 libdl.so.2\n", &prefixed),
    )
}

/// With SIGCHLD blocked, one that a child has sent would still wait for it.
fn no_child(scene: &Scene) -> Checked {
    for options in [
        &["-p", "x.pid", "-p", "y.pid"][..],
        &["-p", "x.pid", "--no-preload"],
    ] {
        scene.clear()?;
        let mut command = pidward(scene, &["run"]);
        command.args(options).arg(Scene::program(LEGACY));
        command.args(["children", "status", "ShdPnd", "status", "SigPnd"]);
        let said = Legacy::start(started("env --block-signal=CHLD", &command))?
            .end()?
            .said;
        let none =
            "children: No child processes\nShdPnd:\t0000000000000000\nSigPnd:\t0000000000000000\n";
        if said != none {
            return Err(Failure::new("has a child", said));
        }
    }
    Ok(())
}
