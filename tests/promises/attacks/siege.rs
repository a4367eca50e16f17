//! All of it at once, for a while: the attacker swaps pidfile, record, aside name and each directory on the way, in a tight
//! loop, while root's commands and guards are at work there. Whatever they come to, nothing outside is touched, and nobody
//! else is signalled.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::evidence;

use super::known::dead;
use super::{daemon_of_mallory, directory_of_mallory, in_rounds, lives, script};
use crate::answer::Answer;
use crate::guard::post::{Post, daemon, guard, kill, kill_guards, leaves, ready, start};
use crate::promise::Promise;
use crate::scene::{Scene, file, write};

/// How many rounds of root's there are, where the environment does not say.
const ROUNDS: usize = 12;

/// What root does in each. What is sent ends the victim; the attacker's daemon ignores it.
const ROUND: [&str; 9] = [
    "sweep app",
    "status app",
    "signal USR1 app/a/x.pid",
    "sweep app/a/x.pid app/a/dead.pid",
    "signal --unverified USR1 app/a/x.pid",
    "stop --schedule USR1/0 app/a/x.pid",
    "stop --unverified --schedule USR1/0 app/a/x.pid",
    "run -p app/a/dead.pid --no-preload -- true",
    "adopt app/a/x.pid",
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    [Promise::new(
        "under_siege_nothing_outside_is_touched_and_nobody_else_signalled",
        besieged,
    )]
    .into_iter()
}

/// All that is root's and none of anybody's business: names, inodes, times and texts.
fn outside() -> Checked<String> {
    let mut all = Vec::new();
    for directory in [file("other"), file("precious")] {
        let inside = fs::read_dir(&directory).into_iter().flatten().flatten();
        for path in inside.map(|entry| entry.path()).chain([directory]) {
            let it = path.symlink_metadata().doing(path.display())?;
            let text = fs::read_to_string(&path).unwrap_or_default();
            let (ino, uid, mode) = (it.ino(), it.uid(), it.mode());
            let (size, seconds, nanoseconds) = (it.size(), it.mtime(), it.mtime_nsec());
            let path = path.display();
            all.push(format!(
                "{path} {ino} {uid} {mode:o} {size} {seconds}.{nanoseconds} {text}"
            ));
        }
    }
    all.sort();
    Ok(all.join("\n"))
}

fn besieged(scene: &Scene) -> Checked {
    scene.clear()?;
    for name in ["app", "app/a", "his"] {
        directory_of_mallory(name)?;
    }
    fs::create_dir(file("other")).doing("make a directory")?;
    write("precious", "root's\n")?;
    let number = dead()?;
    write("other/dead.pid", format!("{number}\n"))?;
    let victim = ready(daemon("make open other/x.pid say ready hear"))?;
    let his = daemon_of_mallory("set sigaction 10 SIG_IGN 0 say ready hear")?;
    // Only for the record, which he copies.
    let post = Post::in_directory(file("other"), "x.pid")?;
    start(guard(scene, &[], &post.pidfile))?;
    let recorder = post.recorded(victim.process.pid)?;
    recorder.signal(Signal::SIGKILL).doing("end the guard")?;
    leaves(&recorder)?;
    let before = outside()?;

    let seed = std::process::id();
    let numbers = [victim.process.pid, number, his.process.pid];
    let mut words: Vec<String> = numbers.map(|it| it.to_string()).into();
    words.push(seed.to_string());
    let mallory = start(script("siege.py", include_str!("siege.py"), words)?)?;
    // Something has to be removed in all the swapping.
    let rounds = in_rounds(ROUNDS, |round| {
        // They leave when they have seen what is there.
        start(guard(scene, &["--timeout", "0"], &file("app/a/x.pid")))?;
        let mut removes = false;
        for line in ROUND {
            let mut command = asked(scene, line);
            command.env("PIDWARD_GUARD", if round % 2 == 0 { "off" } else { "on" });
            let answer = Answer::of(command)?;
            let what = format!("seed {seed}, {line}: {answer:#?}\n{}", evidence());
            lives(&victim, &what)?;
            lives(&his, &what)?;
            if outside()? != before {
                return Err(Failure::new(
                    "touched what is root's",
                    format!("{what}\nbefore\n{before}\nnow\n{}", outside()?),
                ));
            }
            let is_well = answer.code.is_some_and(|code| code < 10);
            if !is_well || answer.err.contains("panicked") {
                return Err(Failure::new("crashed", what));
            }
            removes |= [answer.out, answer.err]
                .iter()
                .any(|said| said.contains("removed "));
        }
        Ok(removes)
    })?;
    let swaps = fs::read_to_string(file("his/count")).doing("count the swaps")?;
    mallory.signal(Signal::SIGKILL).doing("end the attacker")?;
    leaves(&mallory)?;
    kill_guards()?;
    println!("{rounds} rounds, {swaps} swaps");
    lives(&victim, "a guard")?;
    if outside()? != before {
        return Err(Failure::new("a guard touched what is root's", outside()?));
    }
    kill(his)?;
    kill(victim).map(drop)
}

fn asked(scene: &Scene, line: &str) -> Command {
    let words: Vec<&str> = line.split(' ').collect();
    crate::run::pidward(scene, &words)
}
