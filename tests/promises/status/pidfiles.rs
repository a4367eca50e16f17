//! Whatever a pidfile is or holds, it has its verdict and one line.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use super::Answer;
use crate::answer::ask;
use crate::attacks::tracer::stopped_at;
use crate::guard::post::{
    Post, daemon, falls_asleep, guard, guarded, kill, kill_guards, leaves, ready, start,
    with_pidfile,
};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_number_alone_on_its_line_is_a_process_id", numbers),
        each(
            "what_is_no_number_is_garbled_and_nothing_is_signalled",
            garbled,
        ),
        each("what_is_no_pidfile_is_refused_and_holds_nobody_up", no_file),
        each("any_name_that_a_file_can_have_is_one_of_a_pidfile", names),
        each(
            "a_pidfile_that_comes_and_goes_is_there_or_missing",
            vanishing,
        ),
        each(
            "a_pidfile_that_goes_at_any_system_call_is_there_or_missing",
            goes,
        ),
        each("a_file_system_without_room_is_cleaned_up", full),
        each(
            "a_daemon_whose_record_has_no_room_is_guarded_all_the_same",
            no_room_for_a_record,
        ),
        each(
            "a_file_system_that_cannot_be_written_is_said_to_be_one",
            read_only,
        ),
    ]
    .into_iter()
}

fn numbers(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let pid = daemon.process.pid;
    for text in [
        format!("{pid}"),
        format!("{pid}\r\n"),
        format!("   {pid}  \n"),
        format!("000000000000{pid}\n"),
        format!("{pid}\n\0"),
        // As PostgreSQL writes it.
        format!("{pid}\n/var/lib/data\n1763860000\n5432\n/run\n*\n  5432001 0\nready   \n"),
    ] {
        write("x.pid", &text)?;
        let begin = format!("running  {HOME}/x.pid  pid {pid} legacy");
        ask(scene, "status x.pid")?.is_line(0, &begin, "(unverified)")?;
    }
    kill(daemon).map(drop)
}

fn garbled(scene: &Scene) -> Checked {
    scene.clear()?;
    for (text, reason) in [
        (&b""[..], "empty"),
        (b"  \t \n", "empty"),
        (b"abc\n", "garbled"),
        (b"-1\n", "garbled"),
        (b"0\n", "garbled"),
        (b"1 2\n", "garbled"),
        (b"12345678901234567890\n", "garbled"),
        (b"1\x002\n", "garbled"),
        (&[b'1'; 1 << 20], "garbled"),
    ] {
        write("x.pid", text)?;
        let end = format!("({reason})");
        ask(scene, "status x.pid")?.is_line(4, "unknown", &end)?;
        for refused in [
            "signal KILL x.pid",
            "stop x.pid",
            "wait x.pid",
            "adopt x.pid",
        ] {
            ask(scene, refused)?.is_refusal(4, &["pidward: did not ", "/x.pid: "])?;
        }
    }
    Ok(())
}

fn no_file(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = ready(daemon("make open real.txt say ready hear"))?;
    mkfifo(&file("fifo.pid"), Mode::S_IRWXU).doing("make a FIFO")?;
    symlink("real.txt", file("link.pid")).doing("make a link")?;
    symlink("nowhere", file("dangling.pid")).doing("make a link")?;
    for path in ["fifo.pid", "link.pid", "dangling.pid", "/dev/null"] {
        for line in ["signal KILL", "stop", "wait", "adopt --unverified"] {
            let answer = ask(scene, &format!("{line} {path}"))?;
            answer.is_refusal(4, &["not a regular file"])?;
        }
    }
    for path in [".", "/", "/run/", HOME] {
        for line in ["signal KILL", "stop", "wait", "adopt"] {
            let answer = ask(scene, &format!("{line} {path}"))?;
            let said = answer.err.lines().count() == 1 && answer.err.contains("it is a directory");
            answer.says(4, said, "it is a directory")?;
        }
    }
    match daemon.process.is_dead() {
        true => Err(Failure::new("the daemon was signalled", "")),
        false => kill(daemon).map(drop),
    }
}

fn names(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let long = format!("{}.pid", "x".repeat(251));
    for (name, shown) in [
        (OsStr::new(&long), long.as_str()),
        (OsStr::new("a b.pid"), "a b.pid"),
        (OsStr::new("a\nb\x1b[2J.pid"), "a\\nb\\u{1b}[2J.pid"),
        (OsStr::from_bytes(b"\xff\xfe.pid"), "\\xff\\xfe.pid"),
        (OsStr::new("-x.pid"), "-x.pid"),
    ] {
        fs::rename(file("x.pid"), file("").join(name)).doing("rename it")?;
        let mut command = pidward(scene, &["status", "--"]);
        command.arg(name);
        let begin = format!("running  {HOME}/{shown}  pid ");
        Answer::of(command)?.is_line(0, &begin, "(unverified)")?;
        let mut command = pidward(scene, &["signal", "0", "--"]);
        command.arg(name);
        Answer::of(command)?.is_refusal(4, &[&format!("{HOME}/{shown}: ")])?;
        let mut command = pidward(scene, &["status", "--json", "--"]);
        command.arg(name);
        let json = Answer::of(command)?;
        for line in [
            &["wait", "--timeout", "0"][..],
            &["stop"],
            &["stop", "--unverified", "--schedule", "CONT/0"],
        ] {
            let mut command = pidward(scene, line);
            command.arg("--").arg(name);
            let answer = Answer::of(command)?;
            let is_said = answer.err.contains(&format!("{HOME}/{shown}"));
            let code = answer.code.unwrap_or_default();
            answer.says(code, is_said && matches!(code, 1 | 4 | 124), shown)?;
        }
        // What has no room for a record's name cannot be recorded, and that is said.
        let mut command = pidward(scene, &["adopt", "--"]);
        command.arg(name);
        let adopted = Answer::of(command)?;
        match name == OsStr::new(&long) {
            true => adopted.is_refusal(4, &[&format!("{HOME}/{shown}"), "name too long"])?,
            false => {
                adopted.is_line(0, &format!("adopted  {HOME}/{shown}  pid "), "")?;
                kill_guards()?;
            }
        }
        serde_json::from_str::<serde_json::Value>(&json.out).doing("read JSON")?;
        fs::rename(file("").join(name), file("x.pid")).doing("rename it back")?;
    }
    kill(daemon).map(drop)
}

fn vanishing(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let (text, done) = (
        fs::read(file("x.pid")).doing("read it")?,
        AtomicBool::new(false),
    );
    let answers = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = fs::remove_file(file("x.pid"));
                let _ = fs::write(file("x.pid"), &text);
            }
        });
        let answers: Vec<_> = (0..200).map(|_| ask(scene, "status x.pid")).collect();
        done.store(true, Ordering::Relaxed);
        answers
    });
    for answer in answers {
        let answer = answer?;
        let known = ["(missing)\n", "(empty)\n", "(unverified)\n"];
        let expected = match answer.code {
            Some(0) => known[2],
            Some(3) => known[0],
            _ => known[1],
        };
        let code = answer.code.unwrap_or_default();
        answer.is(code, answer.out.ends_with(expected), expected)?;
    }
    kill(daemon).map(drop)
}

fn goes(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let text = fs::read(file("x.pid")).doing("read it")?;
    for line in [
        "status x.pid",
        "signal 0 --unverified x.pid",
        "wait --timeout 0 x.pid",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (mut missing, mut there) = (0, 0);
        for number in 0.. {
            let goes = || fs::remove_file(file("x.pid")).doing("remove it");
            let Some(output) = stopped_at(pidward(scene, &words), number, goes)? else {
                break;
            };
            match output.status.code() {
                Some(0 | 124) => there += 1,
                // Not running: `status` has a number of its own for it, and who waits is done.
                Some(3 | 7) => missing += 1,
                _ => return Err(Failure::new(line, format!("at {number}: {output:#?}"))),
            }
            write("x.pid", &text)?;
        }
        if there == 0 || missing == 0 && !line.starts_with("wait") {
            return Err(Failure::new(
                "the test itself",
                format!("{line}: {missing} {there}"),
            ));
        }
    }
    kill(daemon).map(drop)
}

/// Mounts a file system of one page.
fn one_page(directory: &str) -> Checked {
    fs::create_dir(file(directory)).doing("make a directory")?;
    let options = Some("size=4096,mode=755");
    mount(
        Some("tmpfs"),
        &file(directory),
        Some("tmpfs"),
        MsFlags::empty(),
        options,
    )
    .doing("mount")
}

/// The pidfile has the one page there is.
fn no_room_for_a_record(scene: &Scene) -> Checked {
    scene.clear()?;
    one_page("full")?;
    let post = Post::in_directory(file("full"), "x.pid")?;
    let daemon = ready(daemon("make open full/x.pid say ready hear"))?;
    let guard = start(guard(scene, &[], &post.pidfile))?;
    falls_asleep(guard.pid, 1)?;
    ask(scene, "status full/x.pid")?.is_line(0, "running", "(unverified)")?;
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}

/// A file system of one page, of which nothing is left.
fn full(scene: &Scene) -> Checked {
    scene.clear()?;
    one_page("full")?;
    kill(ready(daemon("make open full/x.pid say ready hear"))?)?;
    let mut rest = OpenOptions::new();
    let rest = rest.create(true).append(true).open(file("full/x.pid"));
    // The rest of the page is the pidfile's own, behind its first line.
    rest.doing("open it")?
        .write_all(&[b'\n'; 4000])
        .doing("fill it")?;
    if fs::write(file("full/more"), [b'x'; 4096]).is_ok() {
        return Err(Failure::new("the test itself", "there is room"));
    }
    fs::remove_file(file("full/more")).doing("remove it")?;
    ask(scene, "status full/x.pid")?.is_line(1, "stale  ", "(dead)")?;
    ask(scene, "stop full/x.pid")?.is_line(0, "removed ", "(dead)")?;
    match file("full/x.pid").exists() {
        true => Err(Failure::new("the pidfile stays", "")),
        false => Ok(()),
    }
}

fn read_only(scene: &Scene) -> Checked {
    let (daemon, guard, _) = guarded(scene)?;
    guard
        .signal(nix::sys::signal::Signal::SIGKILL)
        .doing("kill the guard")?;
    crate::guard::post::leaves(&guard)?;
    let none: Option<&str> = None;
    let bind = MsFlags::MS_BIND;
    mount(Some(HOME), HOME, none, bind, none).doing("bind it")?;
    mount(
        none,
        HOME,
        none,
        bind | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY,
        none,
    )
    .doing("make it read-only")?;
    let pidfile = format!("{HOME}/x.pid");
    let verified = "(verified by pidfd handle)";
    ask(scene, &format!("status {pidfile}"))?.is_line(0, "running", verified)?;
    kill(daemon)?;
    let answer = ask(scene, &format!("stop {pidfile}"))?;
    let said = answer.err.contains("left ") && answer.err.contains("read-only file system");
    answer.says(4, said && answer.out.is_empty(), "read-only file system")?;
    match Record::path(&file("x.pid")).exists() {
        true => Ok(()),
        false => Err(Failure::new("the record is gone", "")),
    }
}
