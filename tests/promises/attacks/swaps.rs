//! A swap between any two system calls of pidward's changes nothing: whoever owns the directory swaps the file, the
//! record, the directory or the process, at each stop in turn.

use std::fs::{self, File, FileTimes};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::process::Output;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::evidence;

use super::known::dead;
use super::tracer::stopped_at;
use super::{
    daemon_of_mallory, directory_of_mallory, link_as_mallory, lives, mallory, move_as_mallory,
    write_as_mallory,
};
use crate::guard::post::{Post, daemon, guard, kill, leaves, ready, start};
use crate::legacy::Legacy;
use crate::number::{IDLE, with_number};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

/// What sends something to the process of the pidfile, which ignores it; the victim would die of it.
const SENDS: [&str; 2] = ["signal USR1 app/x.pid", "stop --schedule USR1/0 app/x.pid"];

/// What is swapped, and how.
type Swap<T, S = ()> = (&'static str, fn(&T) -> Checked<S>);

/// Whether it was to be had: while a lease is held, for the time of one system call, who opens the file waits.
type Swapped = bool;

/// As many stops as no command comes to.
const MANY: usize = 100_000;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let swaps: [Swap<Stage>; 4] = [
        ("another_file", Stage::rename_over),
        ("another_text", Stage::rewrite),
        ("another_record", Stage::forge_record),
        ("another_directory", Stage::swap_directory),
    ];
    let of_files = swaps.into_iter().map(|(name, swap)| {
        Promise::new(
            format!("a_swap_at_any_system_call_signals_nobody_else::{name}"),
            move |scene| signals_nobody_else(scene, swap),
        )
    });
    let removals: [Swap<Legacy, Swapped>; 3] = [
        ("another_file", new_file),
        ("another_text", new_text),
        ("another_directory", new_directory),
    ];
    let of_removals = removals.into_iter().map(|(name, swap)| {
        Promise::new(
            format!("a_swap_at_any_system_call_removes_nothing_else::{name}"),
            move |scene| removes_nothing_else(scene, swap),
        )
    });
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    of_files.chain(of_removals).chain([
        each(
            "a_swap_at_any_system_call_signals_nobody_else::another_process",
            another_process,
        ),
        each(
            "what_a_successor_opens_at_any_system_call_is_not_removed",
            opened,
        ),
        each(
            "what_a_successor_of_the_same_number_writes_at_any_system_call_is_not_removed",
            same_number,
        ),
    ])
}

/// A daemon with a record in a directory of its user's, and a victim of root's with both elsewhere; the guards are gone.
struct Stage {
    daemon: Legacy,
    victim: Legacy,
}

impl Stage {
    fn set(scene: &Scene) -> Checked<Self> {
        scene.clear()?;
        directory_of_mallory("app")?;
        fs::create_dir(file("other")).doing("make a directory")?;
        let steps = "set sigaction 10 SIG_IGN 0 make open app/x.pid say ready hear";
        let victim = ready(daemon("make open other/x.pid say ready hear"))?;
        let daemon = daemon_of_mallory(steps)?;
        record(scene, "app", daemon.process.pid)?;
        record(scene, "other", victim.process.pid)?;
        Ok(Self { daemon, victim })
    }

    fn victims_number(&self) -> String {
        format!("{}\n", self.victim.process.pid)
    }

    fn rename_over(&self) -> Checked {
        move_as_mallory("app/x.pid", "app/kept")?;
        write_as_mallory("app/x.pid", &self.victims_number())
    }

    fn rewrite(&self) -> Checked {
        mallory("printf %s \"$1\" >app/x.pid", &[&self.victims_number()])
    }

    /// The victim's own record, made to fit the attacker's file.
    fn forge_record(&self) -> Checked {
        self.rename_over()?;
        move_as_mallory("app/x.pid.ward", "app/kept.ward")?;
        let forged = file("app/x.pid").metadata().doing("the file")?;
        let record = fs::read_to_string(file("other/x.pid.ward")).doing("a record")?;
        let line = |line: &str| match line.split(' ').next() {
            Some("file") => format!("file {}\n", forged.ino()),
            Some("written") => {
                let (seconds, nanoseconds) = (forged.mtime(), forged.mtime_nsec());
                format!("written {seconds}.{nanoseconds:09} {}\n", forged.size())
            }
            _ => format!("{line}\n"),
        };
        write_as_mallory(
            "app/x.pid.ward",
            &record.lines().map(line).collect::<String>(),
        )
    }

    fn swap_directory(&self) -> Checked {
        move_as_mallory("app", "away")?;
        link_as_mallory("app", "other")
    }

    /// Puts back what was swapped.
    fn restore(&self, written: FileTimes) -> Checked {
        if file("away").exists() {
            fs::remove_file(file("app")).doing("remove the link")?;
            fs::rename(file("away"), file("app")).doing("put the directory back")?;
        }
        for (kept, name) in [
            ("app/kept", "app/x.pid"),
            ("app/kept.ward", "app/x.pid.ward"),
        ] {
            if file(kept).exists() {
                fs::rename(file(kept), file(name)).doing("put it back")?;
            }
        }
        let pidfile = File::options()
            .write(true)
            .open(file("app/x.pid"))
            .doing("the file")?;
        let number = format!("{}\n", self.daemon.process.pid);
        if fs::read_to_string(file("app/x.pid")).doing("the file")? != number {
            fs::write(file("app/x.pid"), number).doing("put the number back")?;
        }
        pidfile.set_times(written).doing("put its time back")
    }
}

/// Has it recorded, and the guard killed.
fn record(scene: &Scene, directory: &str, pid: i32) -> Checked {
    let post = Post::in_directory(file(directory), "x.pid")?;
    start(guard(scene, &[], &post.pidfile))?;
    let guard: Process = post.recorded(pid)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)
}

fn signals_nobody_else(scene: &Scene, swap: fn(&Stage) -> Checked) -> Checked {
    let stage = Stage::set(scene)?;
    let written = file("app/x.pid").metadata().doing("the file")?;
    let written = FileTimes::new().set_modified(written.modified().doing("its time")?);
    for line in SENDS {
        let words: Vec<&str> = line.split(' ').collect();
        let mut sent = 0;
        for number in 0..MANY {
            let Some(output) = stopped_at(pidward(scene, &words), number, || swap(&stage))? else {
                break;
            };
            let what = format!("{line}, at stop {number}: {output:#?}");
            lives(&stage.victim, &what)?;
            lives(&stage.daemon, &what)?;
            ends_well(&output, &what)?;
            sent += usize::from(matches!(output.status.code(), Some(0 | 1)));
            stage.restore(written)?;
        }
        // Late swaps come after the signal was sent to the right one; early ones before.
        if sent == 0 {
            return Err(Failure::new(
                "the test itself",
                format!("{line} never sent anything"),
            ));
        }
    }
    kill(stage.daemon)?;
    kill(stage.victim).map(drop)
}

/// The daemon dies and is reaped, and a process of root's gets its number.
fn another_process(scene: &Scene) -> Checked {
    let line = "signal USR1 app/x.pid";
    let words: Vec<&str> = line.split(' ').collect();
    for number in 0..MANY {
        let stage = Stage::set(scene)?;
        kill(stage.victim)?;
        let pid = stage.daemon.process.pid;
        let mut stranger = None;
        let output = stopped_at(pidward(scene, &words), number, || {
            kill(stage.daemon)?;
            stranger = Some(with_number(pid, || daemon(IDLE))?);
            Ok(())
        })?;
        let (Some(output), Some(stranger)) = (output, stranger) else {
            break;
        };
        let what = format!("{line}, at stop {number}: {output:#?}");
        lives(&stranger, &what)?;
        ends_well(&output, &what)?;
        kill(stranger)?;
    }
    Ok(())
}

fn ends_well(output: &Output, what: &str) -> Checked {
    let panicked = String::from_utf8_lossy(&output.stderr).contains("panicked");
    match (output.status.code(), panicked) {
        (Some(0 | 1 | 4 | 7), false) => Ok(()),
        _ => Err(Failure::new("another end", what)),
    }
}

/// A new instance has made its own.
fn new_file(new: &Legacy) -> Checked<Swapped> {
    write_as_mallory("app/x.pid", &format!("{}\n", new.process.pid)).map(|()| true)
}

/// A new instance has written its number.
fn new_text(new: &Legacy) -> Checked<Swapped> {
    let Some(mut pidfile) = open(true)? else {
        return Ok(false);
    };
    writeln!(pidfile, "{}", new.process.pid).doing("write the file")?;
    Ok(true)
}

/// Opens the file as a daemon does that is to write it; none where that would have to wait.
fn open(truncate: bool) -> Checked<Option<File>> {
    let mut options = File::options();
    options
        .write(true)
        .create(true)
        .truncate(truncate)
        .custom_flags(libc::O_NONBLOCK);
    match options.open(file("app/x.pid")) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        pidfile => pidfile.doing("open the file").map(Some),
    }
}

/// The directory is another one, in which the same number stands.
fn new_directory(_: &Legacy) -> Checked<Swapped> {
    move_as_mallory("app", "away")?;
    link_as_mallory("app", "other").map(|()| true)
}

fn removes_nothing_else(scene: &Scene, swap: fn(&Legacy) -> Checked<Swapped>) -> Checked {
    scene.clear()?;
    let new = daemon_of_mallory("say ready hear")?;
    let stale = format!("{}\n", dead()?);
    fs::create_dir(file("other")).doing("make a directory")?;
    fs::write(file("other/x.pid"), &stale).doing("a file of root's")?;
    for line in ["stop app/x.pid", "sweep app"] {
        let words: Vec<&str> = line.split(' ').collect();
        let mut removed = 0;
        for number in 0..MANY {
            set_stale(&stale)?;
            let mut swapped = false;
            let meanwhile = || {
                swapped = swap(&new)?;
                Ok(())
            };
            let Some(output) = stopped_at(pidward(scene, &words), number, meanwhile)? else {
                break;
            };
            let what = format!("{line}, at stop {number}: {output:#?}\n{}", evidence());
            ends_well(&output, &what)?;
            if fs::read_to_string(file("other/x.pid")).ok().as_ref() != Some(&stale) {
                return Err(Failure::new("removed another directory's file", what));
            }
            let path = if file("away").exists() {
                "away/x.pid"
            } else {
                "app/x.pid"
            };
            let now = fs::read_to_string(file(path)).unwrap_or_default();
            let is_new = now == format!("{}\n", new.process.pid);
            if swapped && !(is_new || file("away").exists()) {
                return Err(Failure::new("removed the next one's pidfile", what));
            }
            removed += usize::from(!output.stdout.is_empty());
        }
        if removed == 0 {
            return Err(Failure::new("the test itself", "nothing was ever removed"));
        }
    }
    kill(new).map(drop)
}

/// Nothing but a pidfile of this text in the attacker's directory.
fn set_stale(text: &str) -> Checked {
    for gone in ["app", "away"] {
        let _ = fs::remove_file(file(gone));
        let _ = fs::remove_dir_all(file(gone));
    }
    directory_of_mallory("app")?;
    write_as_mallory("app/x.pid", text)
}

/// What removes a stale pidfile.
const REMOVES: [&str; 3] = [
    "stop app/x.pid",
    "sweep app",
    "run -p app/x.pid --no-preload -- true",
];

/// Stops each of those at each stop, where `meanwhile` happens and gives what `is_kept` looks at in the end. A stop at
/// which it gives nothing is passed by.
fn keeps<T>(
    scene: &Scene,
    dead: i32,
    meanwhile: impl Fn() -> Checked<Option<T>>,
    is_kept: impl Fn(T) -> Checked<bool>,
) -> Checked {
    for line in REMOVES {
        let words: Vec<&str> = line.split(' ').collect();
        let mut removed = 0;
        for number in 0..MANY {
            set_stale(&format!("{dead}\n"))?;
            let mut happened = None;
            let mut command = pidward(scene, &words);
            command.env("PIDWARD_GUARD", "off");
            let Some(output) = stopped_at(command, number, || {
                happened = meanwhile()?;
                Ok(())
            })?
            else {
                break;
            };
            let what = format!("{line}, at stop {number}: {output:#?}\n{}", evidence());
            ends_well(&output, &what)?;
            let said = [&output.stdout[..], &output.stderr].concat();
            removed += usize::from(String::from_utf8_lossy(&said).contains("removed "));
            if let Some(happened) = happened
                && !is_kept(happened)?
            {
                return Err(Failure::new("removed the successor's pidfile", what));
            }
        }
        if removed == 0 {
            return Err(Failure::new("the test itself", "nothing was ever removed"));
        }
    }
    Ok(())
}

/// It opens the old file as it is, and writes it when all is over.
fn opened(scene: &Scene) -> Checked {
    scene.clear()?;
    keeps(
        scene,
        dead()?,
        || open(false),
        |mut pidfile| {
            writeln!(pidfile, "1").doing("write the file")?;
            let it = pidfile.metadata().doing("the file")?.ino();
            Ok(fs::metadata(file("app/x.pid")).is_ok_and(|now| now.ino() == it))
        },
    )
}

/// It has got its predecessor's number, and written it in place.
fn same_number(scene: &Scene) -> Checked {
    scene.clear()?;
    let dead = dead()?;
    let meanwhile = || {
        let new = with_number(dead, || daemon(IDLE))?;
        if new_text(&new)? {
            return Ok(Some(new));
        }
        kill(new).map(|_| None)
    };
    keeps(scene, dead, meanwhile, |new| {
        let is_there = file("app/x.pid").exists();
        kill(new).map(|_| is_there)
    })
}
