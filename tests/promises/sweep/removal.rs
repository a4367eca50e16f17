//! What is removed, and what stays.

use std::fs::{self, File};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::chown;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use super::{NOBODY, gone_and_there, is_there, kill_guard};
use crate::answer::{Answer, ask};
use crate::compare::bare;
use crate::guard::post::{daemon, falls_asleep, guarded, kill, ready, with_pidfile};
use crate::number::{with_number, with_thread};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::{copied, installed, pidward};
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_sweep_removes_what_is_stale_and_names_it", stale),
        each("a_sweep_leaves_what_it_cannot_tell_and_says_why", unknown),
        each("a_sweep_says_nothing_of_daemons_that_live", living),
        each("a_dry_run_says_the_same_and_removes_nothing", dry_run),
        each("what_is_suspect_goes_only_on_request", suspect),
        each("the_record_goes_with_its_pidfile", record),
        each("a_pidfile_that_somebody_holds_stays", held),
        each("a_pidfile_that_is_not_written_yet_stays", not_yet_written),
        each("the_number_of_a_thread_is_stale", thread),
        each("what_cannot_be_removed_is_said_with_status_1", denied),
        each(
            "without_an_argument_run_and_the_known_ones_are_swept",
            usual,
        ),
        each(
            "a_guard_killed_alone_leaves_its_daemons_pidfile_as_it_was",
            guard_gone,
        ),
    ]
    .into_iter()
}

fn removed(name: &str) -> String {
    format!("removed  {HOME}/{name}  ")
}

fn stale(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir_all(file("a/b")).doing("make directories")?;
    for name in ["x.pid", "a/RUNNING_PID", "a/b/pid"] {
        write(name, NOBODY)?;
    }
    write("x.txt", NOBODY)?;
    let answer = ask(scene, "sweep .")?;
    let mut lines: Vec<&str> = answer.out.lines().collect();
    lines.sort_unstable();
    let expected = ["a/RUNNING_PID", "a/b/pid", "x.pid"]
        .map(|name| removed(name) + "pid 2147483647 is no process (dead)");
    answer.is(0, lines == expected, &expected.join("\n"))?;
    gone_and_there(&["x.pid", "a/RUNNING_PID", "a/b/pid"], &["x.txt"])?;
    // Named, whatever it is called.
    ask(scene, "sweep x.txt")?.is_line(0, &removed("x.txt"), "(dead)")?;
    ask(scene, "sweep x.txt")?.is_line(0, "missing  /mnt/daemon/x.txt", "(missing)")
}

fn unknown(scene: &Scene) -> Checked {
    for (text, reason) in [
        ("", "empty"),
        ("\n", "empty"),
        ("abc\n", "garbled"),
        ("0\n", "garbled"),
        ("-1\n", "garbled"),
        ("12 34\n", "garbled"),
    ] {
        scene.clear()?;
        write("x.pid", text)?;
        let left = format!("left  {HOME}/x.pid  ");
        for line in ["sweep .", "sweep --suspect x.pid"] {
            ask(scene, line)?.is_line(0, &left, &format!("({reason})"))?;
        }
        gone_and_there(&[], &["x.pid"])?;
    }
    Ok(())
}

fn living(scene: &Scene) -> Checked {
    let (guarded, _, post) = guarded(scene)?;
    let plain = ready(daemon("make open y.pid say ready hear"))?;
    for line in ["sweep .", "sweep --suspect x.pid y.pid"] {
        ask(scene, line)?.is_lines(0, &[])?;
    }
    gone_and_there(&[], &["x.pid", "x.pid.ward", "y.pid"])?;
    kill(plain)?;
    kill(guarded)?;
    post.cleared()
}

fn dry_run(scene: &Scene) -> Checked {
    scene.clear()?;
    super::write_long_ago(".y.pid.pidward", NOBODY)?;
    write("x.pid", NOBODY)?;
    write("z.pid.ward", "pidward 1\n")?;
    let all = ["x.pid", ".y.pid.pidward", "z.pid.ward"];
    let planned = ask(scene, "sweep --dry-run .")?;
    let said = |answer: &Answer, action: &str| {
        let has = |name: &&str| answer.out.contains(&format!("{action}  {HOME}/{name}  "));
        answer.is(
            0,
            all.iter().all(has) && answer.out.lines().count() == 3,
            action,
        )
    };
    said(&planned, "would remove")?;
    gone_and_there(&[], &all)?;
    let done = ask(scene, "sweep .")?;
    said(&done, "removed")?;
    let alike = planned.out.replace("would remove", "removed") == done.out;
    done.is(0, alike, &planned.out)?;
    gone_and_there(&all, &[])
}

/// A daemon without a record has died, and another process has its number.
fn suspect(scene: &Scene) -> Checked {
    scene.clear()?;
    let first = with_pidfile()?;
    let pid = first.process.pid;
    kill(first)?;
    backdate("x.pid")?;
    let another = with_number(pid, || bare("/bin/cat".as_ref()))?;
    ask(scene, "sweep .")?.is_line(0, "left  ", "(suspect)")?;
    ask(scene, "sweep --suspect --dry-run .")?.is_line(0, "would remove  ", "(suspect)")?;
    gone_and_there(&[], &["x.pid"])?;
    ask(scene, "sweep --suspect .")?.is_line(0, &removed("x.pid"), "(suspect)")?;
    gone_and_there(&["x.pid"], &[])?;
    kill(another).map(drop)
}

/// As if it had been written long before.
fn backdate(name: &str) -> Checked {
    let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    let opened = File::options().write(true).open(file(name));
    opened
        .and_then(|it| it.set_times(times))
        .doing("backdate it")
}

fn record(scene: &Scene) -> Checked {
    let (daemon, guard, _) = guarded(scene)?;
    kill_guard(&guard)?;
    kill(daemon)?;
    gone_and_there(&[], &["x.pid", "x.pid.ward"])?;
    ask(scene, "sweep .")?.is_line(0, &removed("x.pid"), "(dead)")?;
    gone_and_there(&["x.pid", "x.pid.ward"], &[])
}

/// Somebody has it locked, or open to write it, who is not the one it names.
fn held(scene: &Scene) -> Checked {
    for (steps, why) in [
        ("flock x.pid", "another process holds a lock on it"),
        ("lockf x.pid", "another process holds a lock on it"),
        (
            "open-to-write x.pid",
            "another process has it open to write it",
        ),
    ] {
        scene.clear()?;
        write("x.pid", NOBODY)?;
        let holder = match steps.split_once(' ') {
            Some(("flock", _)) => {
                let locked = File::open(file("x.pid")).doing("open it")?;
                let lock = Flock::lock(locked, FlockArg::LockExclusive);
                Held::Here(lock.map_err(|(_, error)| error).doing("lock it")?)
            }
            Some(("lockf", _)) => Held::There(ready(python(
                "import fcntl; f = open('x.pid', 'r+'); fcntl.lockf(f, fcntl.LOCK_EX)",
            ))?),
            _ => Held::There(ready(python("f = open('x.pid', 'r+')"))?),
        };
        let left = format!("left  {HOME}/x.pid  pid 2147483647 is no process; {why} (dead)");
        ask(scene, "sweep .")?.is_line(1, &left, "(dead)")?;
        // In a container root has no CAP_LEASE, and the file may be another user's.
        chown(&file("x.pid"), Some(65534.into()), None).doing("give it away")?;
        let mut contained = bare("/usr/bin/setpriv".as_ref());
        let sweep = pidward(scene, &["sweep", "."]);
        contained.args(["--bounding-set", "-lease", "--inh-caps", "-lease"]);
        contained.arg(sweep.get_program()).args(sweep.get_args());
        contained.current_dir(HOME);
        Answer::of(contained)?.is_line(1, &left, "(dead)")?;
        gone_and_there(&[], &["x.pid"])?;
        match holder {
            Held::Here(lock) => drop(lock),
            Held::There(process) => drop(kill(process)?),
        }
        ask(scene, "sweep .")?.is_line(0, &removed("x.pid"), "(dead)")?;
    }
    Ok(())
}

enum Held {
    Here(Flock<File>),
    There(crate::legacy::Legacy),
}

fn python(does: &str) -> Command {
    let mut command = bare("/usr/bin/python3".as_ref());
    let script = format!("{does}\nprint('ready', flush=True)\ninput()");
    command.args(["-c", &script]);
    command
}

/// Between open(2) and write(2), a starting daemon's pidfile is empty, or holds the old number.
fn not_yet_written(scene: &Scene) -> Checked {
    for begin in ["w", "r+"] {
        scene.clear()?;
        write("x.pid", NOBODY)?;
        let script = format!(
            "import os; f = open('x.pid', '{begin}'); print('ready', flush=True); input(); \
             f.write('%d\\n' % os.getpid()); f.truncate(); f.flush(); print('written', flush=True); input()"
        );
        let mut command = bare("/usr/bin/python3".as_ref());
        command.args(["-c", &script]);
        let mut starting = ready(command)?;
        let code = if begin == "w" { 0 } else { 1 };
        let answer = ask(scene, "sweep --suspect .")?;
        answer.is(code, answer.out.starts_with("left  "), "left")?;
        starting.go_on()?;
        starting.says("written")?;
        let text = fs::read_to_string(file("x.pid")).doing("read x.pid")?;
        if text != format!("{}\n", starting.process.pid) {
            return Err(Failure::new("its pidfile was taken", text));
        }
        ask(scene, "sweep .")?.is_lines(0, &[])?;
        kill(starting)?;
    }
    Ok(())
}

fn thread(scene: &Scene) -> Checked {
    scene.clear()?;
    let first = with_pidfile()?;
    let pid = first.process.pid;
    kill(first)?;
    let another = with_thread(pid)?;
    ask(scene, "sweep .")?.is_line(0, &removed("x.pid"), "(thread)")?;
    kill(another).map(drop)
}

fn denied(scene: &Scene) -> Checked {
    use std::os::unix::process::CommandExt;
    let copy = copied(scene)?;
    scene.clear()?;
    write("x.pid", NOBODY)?;
    let mut command = installed(&copy, &["sweep", "x.pid"]);
    command.uid(65534).gid(65534);
    let answer = Answer::of(command)?;
    answer.is_line(1, "left  ", "not permitted (dead)")?;
    gone_and_there(&[], &["x.pid"])?;
    // Which file cannot be told of a directory that may not be read.
    fs::create_dir(file("closed")).doing("make a directory")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(file("closed"), mode).doing("close it")?;
    let mut command = installed(&copy, &["sweep", "closed"]);
    command.uid(65534).gid(65534);
    let answer = Answer::of(command)?;
    let said =
        answer.err == format!("pidward: cannot look into {HOME}/closed: permission denied\n");
    answer.says(4, said && answer.out.is_empty(), "permission denied")
}

fn usual(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    // The link comes after the record.
    falls_asleep(guard.pid, 1)?;
    kill_guard(&guard)?;
    kill(daemon)?;
    fs::write("/run/y.pid", NOBODY).doing("write /run/y.pid")?;
    let link = fs::read_dir("/var/lib/pidward/known")
        .doing("list the links")?
        .count();
    let answer = ask(scene, "sweep")?;
    let lines = [
        "removed  /run/y.pid  ",
        &removed("x.pid"),
        "removed  /var/lib/pidward/known/",
    ];
    answer.is_lines(0, &lines)?;
    let links = fs::read_dir("/var/lib/pidward/known")
        .doing("list the links")?
        .count();
    if post.is_there() || post.has_record() || (link, links) != (1, 0) {
        return Err(Failure::new("something is left", format!("{links} links")));
    }
    ask(scene, "sweep")?.is_lines(0, &[])
}

fn guard_gone(scene: &Scene) -> Checked {
    scene.clear()?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--no-preload", "--"]);
    // A guard of the shim's, started meanwhile, would come late and take over.
    command.arg(Scene::program(LEGACY));
    command.args("make open x.pid say ready hear".split(' '));
    let post = crate::guard::post::Post::at("x.pid")?;
    let daemon = ready(command)?;
    let guard = post.recorded(daemon.process.pid)?;
    kill_guard(&guard)?;
    let record = fs::read(Record::path(&post.pidfile)).doing("read the record")?;
    for line in ["sweep --suspect .", "sweep --suspect x.pid", "sweep"] {
        ask(scene, line)?.is_lines(0, &[])?;
    }
    let now = fs::read(Record::path(&post.pidfile)).doing("read the record")?;
    if !is_there("x.pid") || record != now {
        return Err(Failure::new("it was touched", ""));
    }
    kill(daemon).map(drop)
}
