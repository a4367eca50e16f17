//! What pidward has to say, or to count, and cannot write, ends neither it nor the command: write(2) sends SIGPIPE for a pipe that
//! nobody reads, and SIGXFSZ at the limit of file sizes.

use std::io;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};

use super::in_place::started;
use super::pidward;
use crate::compare::bare;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

/// The command, with a standard error that takes nothing.
type Unheard = fn(&Command) -> Checked<Command>;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let ways: [(&str, Unheard); 2] = [
        ("a_pipe_that_nobody_reads", nobody_reads),
        ("a_limit_of_file_sizes", no_file_sizes),
    ];
    ways.into_iter().map(|(name, unheard)| {
        let name = format!("what_cannot_be_written_ends_nothing::{name}");
        Promise::new(name, move |scene| goes_on(scene, unheard))
    })
}

fn nobody_reads(program: &Command) -> Checked<Command> {
    let (_, nobody) = io::pipe().doing("pipe")?;
    let mut command = started("env --default-signal=PIPE", program);
    command.stderr(nobody);
    Ok(command)
}

fn no_file_sizes(program: &Command) -> Checked<Command> {
    let start = "sh -c exec\t2>said;ulimit\t-f\t0;exec\t\"$@\" sh";
    Ok(started(start, program))
}

fn goes_on(scene: &Scene, unheard: Unheard) -> Checked {
    let output = |program: &Command| {
        let mut command = unheard(program)?;
        command.current_dir(HOME).output().doing("run it")
    };
    scene.clear()?;
    let mut grep = bare("/bin/grep".as_ref());
    let without = output(grep.args(["SigIgn", "/proc/self/status"]))?;
    let ignored = String::from_utf8(without.stdout).doing("what it ignores")?;
    for (words, said) in [
        ("sweep x.pid", "(dead)\n"),
        ("stop x.pid", "(dead)\n"),
        ("run -p x.pid /bin/grep SigIgn /proc/self/status", &*ignored),
        (
            "run -f -p x.pid /bin/grep SigIgn /proc/self/status",
            &*ignored,
        ),
    ] {
        scene.clear()?;
        write("x.pid", "2147483647\n")?;
        let words: Vec<&str> = words.split(' ').collect();
        let ended = output(&pidward(scene, &words))?;
        let out = String::from_utf8_lossy(&ended.stdout);
        let is_said = !said.is_empty() && out.ends_with(said);
        if !ended.status.success() || !is_said || file("x.pid").exists() {
            let what = format!("{words:?}: {ended:#?}");
            return Err(Failure::new("another end", what));
        }
    }
    Ok(())
}
