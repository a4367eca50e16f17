//! Several pidfiles: a line each, each once, and the highest of their exit statuses.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use nix::mount::{MsFlags, mount};
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::cover;

use super::{Answer, status};
use crate::answer::ask;
use crate::guard::post::{Post, daemon, guard, guarded, kill, ready, start, with_pidfile};
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("of_several_the_highest_exit_status_is_the_answer", highest),
        each("a_directory_means_the_pidfiles_in_it", directory),
        each("a_directory_that_is_not_there_is_said", |scene| {
            scene.clear()?;
            let answer = status(scene, &["nowhere/"])?;
            match answer.code == Some(4) && answer.err.lines().count() == 1 {
                true => Ok(()),
                false => Err(Failure::new("another answer", format!("{answer:#?}"))),
            }
        }),
        each(
            "without_an_argument_it_is_run_and_the_known_ones_each_once",
            usual,
        ),
        each(
            "a_var_run_of_its_own_is_listed_and_another_mount_of_run_is_not",
            var_run,
        ),
        each(
            "a_strangers_link_to_a_pidfile_keeps_nobody_from_naming_that_itself",
            behind_a_link,
        ),
        each("nothing_to_be_found_is_no_error", |scene| {
            scene.clear()?;
            status(scene, &[])?.is_lines(0, &[])
        }),
        each("a_name_with_a_newline_stays_a_line", newline),
        each("colours_and_columns_are_for_terminals", colours),
    ]
    .into_iter()
}

/// Whichever of the two is named first.
fn behind_a_link(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("run")).doing("make a directory")?;
    symlink("run", file("link")).doing("make a link")?;
    lchown(file("link"), Some(65534), None).doing("give it away")?;
    let daemon = ready(daemon("make open run/x.pid say ready hear"))?;
    let good = format!("running  {HOME}/run/x.pid ");
    let bad = format!("unknown  {HOME}/link/x.pid");
    status(scene, &["link/x.pid", "run/x.pid"])?.is_lines(4, &[&bad, &good])?;
    status(scene, &["run/x.pid", "link/x.pid"])?.is_lines(4, &[&good, &bad])?;
    let line = "signal --unverified TERM link/x.pid run/x.pid";
    let answer = ask(scene, line)?;
    let is_refused = answer.err.contains("did not signal /mnt/daemon/link/x.pid");
    let is_sent = answer.out.starts_with("sent TERM  /mnt/daemon/run/x.pid");
    answer.says(4, is_refused && is_sent, line)?;
    daemon.end().map(drop)
}

/// Makes running.pid, stale.pid and garbled.pid; there is no missing.pid.
fn one_of_each(scene: &Scene) -> Checked<crate::legacy::Legacy> {
    scene.clear()?;
    kill(ready(daemon("make open stale.pid say ready hear"))?)?;
    write("garbled.pid", "x\n")?;
    ready(daemon("make open running.pid say ready hear"))
}

fn highest(scene: &Scene) -> Checked {
    let _daemon = one_of_each(scene)?;
    let all = ["running", "stale", "missing", "garbled"];
    let codes = [0, 1, 3, 4];
    // Each set of two, in both orders.
    for (first, first_code) in all.iter().zip(codes) {
        for (second, second_code) in all.iter().zip(codes) {
            let names = [format!("{first}.pid"), format!("{second}.pid")];
            let answer = status(scene, &[&names[0], &names[1]])?;
            let lines = if first == second { 1 } else { 2 };
            let count = answer.out.lines().count();
            answer.is(
                first_code.max(second_code),
                count == lines,
                &names.join(" "),
            )?;
        }
    }
    Ok(())
}

fn directory(scene: &Scene) -> Checked {
    let _daemon = one_of_each(scene)?;
    fs::create_dir(file("sub")).doing("make a directory")?;
    write("sub/RUNNING_PID", "")?;
    write("note.txt", "1\n")?;
    symlink("running.pid", file("link.pid")).doing("make a link")?;
    for argument in [HOME, ".", "../daemon/"] {
        let lines = ["garbled", "running", "stale", "RUNNING_PID"];
        let answer = status(scene, &[argument])?;
        let found = answer
            .out
            .lines()
            .zip(lines)
            .all(|(line, name)| line.contains(name));
        answer.is(
            4,
            found && answer.out.lines().count() == lines.len(),
            &lines.join("\n"),
        )?;
    }
    Ok(())
}

fn usual(scene: &Scene) -> Checked {
    let (first, _, _) = guarded(scene)?;
    let mut second = with_pidfile_in_run()?;
    let post = Post::in_directory("/run", "y.pid")?;
    start(guard(scene, &[], &post.pidfile))?;
    post.recorded(second.process.pid)?;
    let pids = (first.process.pid, second.process.pid);
    let in_run = format!("running  /run/y.pid  pid {} ", pids.1);
    let known = format!("running  {HOME}/x.pid  pid {} ", pids.0);
    status(scene, &[])?.is_lines(0, &[&in_run, &known])?;
    second.go_on()?;
    second.end()?;
    post.cleared()?;
    status(scene, &[])?.is_lines(0, &[&known])
}

/// /var/run is a link to /run.
fn with_pidfile_in_run() -> Checked<crate::legacy::Legacy> {
    ready(daemon("make open /run/y.pid say ready hear"))
}

/// Where /var/run is no link: once it is the same directory as /run, and once another.
fn var_run(scene: &Scene) -> Checked {
    scene.clear()?;
    cover("/var")?;
    fs::create_dir("/var/run").doing("make /var/run")?;
    let daemon = with_pidfile_in_run()?;
    let pid = daemon.process.pid;
    fs::write("/var/run/z.pid", format!("{pid}\n")).doing("write a pidfile")?;
    let lines = [
        format!("running  /run/y.pid  pid {pid} "),
        format!("running  /var/run/z.pid  pid {pid} "),
    ];
    status(scene, &[])?.is_lines(0, &[&lines[0], &lines[1]])?;
    let none: Option<&str> = None;
    mount(Some("/run"), "/var/run", none, MsFlags::MS_BIND, none).doing("mount /run there")?;
    status(scene, &[])?.is_lines(0, &[&lines[0]])?;
    kill(daemon).map(drop)
}

fn newline(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let name = "a\nrunning  b\x1b[31m\u{202e}.pid";
    fs::rename(file("x.pid"), file(name)).doing("give it a bad name")?;
    let escaped = format!("running  {HOME}/a\\nrunning  b\\u{{1b}}[31m\\u{{202e}}.pid  pid ");
    for argument in [name, HOME] {
        status(scene, &[argument])?.is_line(0, &escaped, "(unverified)")?;
    }
    kill(daemon).map(drop)
}

/// On a terminal the classes have colours and the paths a column; without one they have neither.
fn colours(scene: &Scene) -> Checked {
    let _daemon = one_of_each(scene)?;
    for (name, value, coloured) in [
        ("X", "", true),
        ("NO_COLOR", "1", false),
        ("NO_COLOR", "", true),
        ("TERM", "dumb", false),
    ] {
        let status = scene.release.join("pidward").display().to_string();
        let mut command = crate::compare::bare("/usr/bin/script".as_ref());
        command.args([
            "-qec",
            &format!("{status} status running.pid stale.pid"),
            "/dev/null",
        ]);
        command
            .current_dir(HOME)
            .env("TERM", "xterm")
            .env(name, value);
        let answer = Answer::of(command)?;
        let (on, off) = if coloured {
            ("\x1b[31m", "\x1b[0m")
        } else {
            ("", "")
        };
        let stale = format!("{on}stale  {off}  {HOME}/stale.pid    pid ");
        answer.is(
            1,
            answer.out.contains(&stale),
            &format!("{name}={value} {stale:?}"),
        )?;
    }
    let plain = status(scene, &["running.pid", "stale.pid"])?;
    plain.is(
        1,
        plain
            .out
            .contains(&format!("\nstale    {HOME}/stale.pid  pid ")),
        "plain",
    )
}
