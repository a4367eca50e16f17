//! Before a start, a pidfile that holds the number of pidward itself is an earlier run's, as in an image; unless it was
//! written for this one.

use std::fs;
use std::process::Command;

use pidward_tests::failure::Checked;
use pidward_tests::failure::Doing;

use super::gone_and_there;
use crate::answer::Answer;
use crate::compare::bare;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "a_named_pidfile_with_the_number_of_run_itself_is_stale",
            own,
        ),
        each(
            "so_is_one_with_the_number_of_the_first_process_when_that_is_pidward",
            parents,
        ),
        each("but_not_when_that_is_another_program", others),
        each(
            "one_that_was_written_for_this_very_process_stays",
            written_for_it,
        ),
    ]
    .into_iter()
}

/// In a PID namespace of its own, as a container's entrypoint.
fn entrypoint(line: &str) -> Command {
    let mut command = bare("/usr/bin/unshare".as_ref());
    command.args([
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        line,
    ]);
    command.current_dir(HOME);
    command
}

/// Makes x.pid as an earlier run has left it.
fn left_with(number: &str) -> Checked {
    write("x.pid", format!("{number}\n"))?;
    let hour = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let opened = fs::File::options().write(true).open(file("x.pid"));
    let times = fs::FileTimes::new().set_modified(hour);
    opened
        .and_then(|it| it.set_times(times))
        .doing("backdate it")
}

fn own(scene: &Scene) -> Checked {
    let pidward = scene.release.join("pidward").display().to_string();
    let run = format!("{pidward} run -p x.pid -- sh -c 'test ! -e x.pid && exit 7'");
    // As the first process it stays; as the second it becomes the command.
    for (number, line) in [
        ("1", format!("exec {run}")),
        ("2", format!("{run}; exit $?")),
    ] {
        scene.clear()?;
        left_with(number)?;
        let answer = Answer::of(entrypoint(&line))?;
        let said = format!(
            "pidward: removed /mnt/daemon/x.pid: pid {number} is pidward's own, no daemon (thread)\n"
        );
        answer.says(7, answer.err == said, &said)?;
        gone_and_there(&["x.pid"], &[])?;
    }
    Ok(())
}

fn parents(scene: &Scene) -> Checked {
    let pidward = scene.release.join("pidward").display().to_string();
    scene.clear()?;
    left_with("1")?;
    // The inner one is a child of the first process, and becomes the command.
    let line = format!(
        "exec {pidward} run -f --no-preload -- {pidward} run -p x.pid -- sh -c 'test ! -e x.pid && exit 7'"
    );
    let answer = Answer::of(entrypoint(&line))?;
    answer.says(7, answer.err.contains("pid 1 is pidward's own"), "removed")?;
    gone_and_there(&["x.pid"], &[])
}

/// The shell is no pidward: whether the file means it cannot be told.
fn others(scene: &Scene) -> Checked {
    let pidward = scene.release.join("pidward").display().to_string();
    scene.clear()?;
    left_with("1")?;
    let line = format!("{pidward} run -p x.pid -- sh -c 'test -e x.pid && exit 7'; exit $?");
    let answer = Answer::of(entrypoint(&line))?;
    answer.says(7, answer.err.is_empty(), "nothing")?;
    gone_and_there(&[], &["x.pid"])
}

/// start-stop-daemon writes the number and becomes the command.
fn written_for_it(scene: &Scene) -> Checked {
    let pidward = scene.release.join("pidward").display().to_string();
    scene.clear()?;
    let script = format!(
        "echo $$ >x.pid; exec {pidward} run -p x.pid -- sh -c 'test $(cat x.pid) = $$ && exit 7'"
    );
    write("start", script)?;
    let answer = Answer::of(entrypoint("sh start; exit $?"))?;
    answer.says(7, answer.err.is_empty(), "nothing")
}
