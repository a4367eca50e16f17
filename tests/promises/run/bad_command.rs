//! What cannot be run is said in a line, with the exit status that shells have for it; no guard is left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::world::evidence;

use super::{pidward, says};
use crate::promise::Promise;
use crate::scene::{Scene, file, write};

/// A command, made executable by the test when its name says so, with its exit status and what is said of it.
const COMMANDS: [(&str, &str, i32, &str); 9] = [
    ("no-such-command", "", 127, "no such command"),
    ("./nowhere", "", 127, "no such command"),
    ("/etc/passwd/x", "", 127, "no such command"),
    ("", "", 127, "\"\": no such command"),
    (
        "./exe-loader",
        "#!/nowhere/interpreter\n",
        127,
        "interpreter",
    ),
    ("./plain", "text\n", 126, "permission denied"),
    ("/etc", "", 126, "directory"),
    ("./exe-binary", "\0\x01\x02\0", 126, "neither a program"),
    ("./exe-\n-binary", "\0\x01\x02\0", 126, "exe-\\n-binary"),
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_command_that_cannot_be_run_is_said_in_a_line", not_run),
        each("without_a_command_the_usage_is_said", |scene| {
            scene.clear()?;
            for words in [
                &["run"][..],
                &["run", "--"],
                &["run", "-p", "x.pid"],
                &[],
                &["run", "-p", "", "true"],
                &["run", "--nonsense", "true"],
            ] {
                let ended = crate::legacy::Legacy::start(pidward(scene, words))?.end()?;
                if ended.status.code() != Some(2) || !ended.said.contains("--help") {
                    return Err(Failure::new("another answer", format!("{ended:#?}")));
                }
            }
            no_guards()
        }),
    ]
    .into_iter()
}

fn not_run(scene: &Scene) -> Checked {
    for (command, text, status, why) in COMMANDS {
        for options in [
            &["run", "--"][..],
            &["run", "-p", "x.pid", "--"],
            &["run", "-f", "-p", "x.pid", "--"],
        ] {
            scene.clear()?;
            if !text.is_empty() {
                write(command, text)?;
            }
            if command.contains("exe-") {
                let executable = fs::Permissions::from_mode(0o755);
                fs::set_permissions(file(command), executable).doing("make it executable")?;
            }
            let mut run = pidward(scene, options);
            run.args([command, "argument"]);
            says(run, status, 1, &["pidward: cannot run ", why])?;
            no_guards()?;
        }
    }
    Ok(())
}

/// A guard that was started for a command that did not come sees that at once. It may only begin when the command
/// has failed already, and makes a file beside the pidfile then.
fn no_guards() -> Checked {
    let deadline = pidward_tests::deadline::Deadline::seconds(4);
    let guards = proc::pidwards();
    let living = guards
        .iter()
        .filter_map(|seen| pidward_tests::process::Process::living(seen.pid));
    match living.into_iter().all(|guard| guard.dies_by(deadline)) {
        true => Ok(()),
        false => Err(Failure::new("a guard is left", evidence())),
    }
}
