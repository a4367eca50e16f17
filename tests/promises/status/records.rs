//! What a record is worth: only one that is whole, of this version, of this file as it is, and of somebody whose word
//! counts, says anything.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use crate::answer::{Answer, ask};
use crate::compare::bare;
use crate::guard::post::{guarded, kill, leaves};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_record_cut_at_any_byte_says_nothing", cut),
        each("a_record_that_is_not_sound_says_nothing", unsound),
        each("a_record_of_an_older_kernel_proves_by_what_it_has", older),
        each("who_cannot_tell_where_he_is_calls_nothing_stale", lost),
        each("a_record_of_another_user_says_nothing", another_users),
        each(
            "a_record_of_another_boot_or_namespace_is_stale_once_its_guard_is_gone",
            abroad,
        ),
    ]
    .into_iter()
}

/// A daemon that was recorded, and whose record nobody keeps any more; its text.
fn unguarded(scene: &Scene) -> Checked<(Legacy, String)> {
    let (daemon, guard, post) = guarded(scene)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    let text = fs::read_to_string(Record::path(&post.pidfile)).doing("read the record")?;
    Ok((daemon, text))
}

fn write_record(text: impl AsRef<[u8]>) -> Checked {
    fs::write(Record::path(&file("x.pid")), text).doing("write the record")
}

fn is(scene: &Scene, code: i32, class: &str, reason: &str) -> Checked {
    ask(scene, "status x.pid")?.is_line(code, class, &format!("({reason})"))
}

fn cut(scene: &Scene) -> Checked {
    let (daemon, text) = unguarded(scene)?;
    for length in 0..text.len() {
        write_record(text.get(..length).unwrap_or_default())?;
        is(scene, 0, "running", "unverified")?;
    }
    write_record(&text)?;
    is(scene, 0, "running", "verified by pidfd handle")?;
    fs::remove_file(Record::path(&file("x.pid"))).doing("remove the record")?;
    is(scene, 0, "running", "unverified")?;
    kill(daemon).map(drop)
}

/// The text with the line of this key changed.
fn with(text: &str, key: &str, change: impl Fn(&str) -> String) -> Checked<String> {
    let start = format!("{key} ");
    let line = text.lines().find(|line| line.starts_with(&start));
    let line = line.ok_or(key).doing("find a line of the record")?;
    Ok(text.replacen(&format!("{line}\n"), &change(line), 1))
}

fn unsound(scene: &Scene) -> Checked {
    let (daemon, text) = unguarded(scene)?;
    let changed = |key, change: &dyn Fn(&str) -> String| with(&text, key, change);
    let number = |key: &str, number: &str| with(&text, key, |_| format!("{key} {number}\n"));
    for (what, text) in [
        (
            "of an unknown version",
            text.replacen("pidward 1", "pidward 2", 1),
        ),
        (
            "with a key twice",
            changed("uid", &|line| format!("{line}\n{line}\n"))?,
        ),
        ("without a key", changed("uid", &|_| String::new())?),
        ("of another file", number("file", "1")?),
        (
            "of another version of the file",
            number("written", "1.000000000 5")?,
        ),
        ("of another process", number("pid", "1")?),
        (
            "with a number that does not fit",
            number("start", "99999999999999999999")?,
        ),
        (
            "with a PID that does not fit",
            number("guard", "4294967297")?,
        ),
        ("of garbage", "\0\u{7f}x\n".repeat(262_144)),
        (
            "with garbage behind it",
            text.clone() + &" ".repeat(1 << 20),
        ),
        ("of nothing", String::new()),
    ] {
        write_record(text)?;
        is(scene, 0, "running", "unverified")
            .map_err(|failure| Failure::new(format!("a record {what}"), failure))?;
    }
    write_record(changed("uid", &|line| format!("{line}\ncolour blue\n"))?)?;
    is(scene, 0, "running", "verified by pidfd handle")?;
    kill(daemon).map(drop)
}

/// A /proc of processes alone (ProcSubset=pid), or no descriptors left to ask it.
fn lost(scene: &Scene) -> Checked {
    for way in [
        "mount -t proc -o subset=pid proc /proc",
        "mount -t tmpfs none /proc/sys",
        "ulimit -n 8",
    ] {
        let (daemon, _) = unguarded(scene)?;
        for line in ["stop x.pid", "wait x.pid", "sweep x.pid", "status x.pid"] {
            let plain = pidward(scene, &line.split(' ').collect::<Vec<_>>());
            let mut command = bare("/usr/bin/unshare".as_ref());
            command.args(["-m", "sh", "-c", &format!("{way} && exec \"$@\""), "sh"]);
            command.arg(plain.get_program()).args(plain.get_args());
            command.current_dir(HOME);
            let answer = Answer::of(command)?;
            let is_kept = file("x.pid").exists() && !daemon.process.is_dead();
            let is_stale = answer.out.contains("stale") || answer.out.contains("removed");
            let code = answer.code.unwrap_or(-1);
            answer.says(code, is_kept && !is_stale, way)?;
            let why = "may be the recorded one: /proc does not tell us our boot or PID namespace";
            match line.split(' ').next() {
                Some("wait" | "stop" | "status") => {
                    let said = answer.out.contains(why) || answer.err.contains(why);
                    answer.says(4, said, why)?;
                }
                _ => answer.says(0, answer.out.starts_with("left  "), way)?,
            }
        }
        kill(daemon)?;
    }
    Ok(())
}

/// Before Linux 6.14 there was no handle to record, and before 6.9 no inode.
fn older(scene: &Scene) -> Checked {
    let (daemon, text) = unguarded(scene)?;
    let no_handle = with(&text, "handle", |_| "handle -\n".to_owned())?;
    let no_inode = with(&no_handle, "pidfd", |_| "pidfd 0\n".to_owned())?;
    for (text, proof) in [(no_handle, "pidfd inode"), (no_inode, "start time")] {
        write_record(text)?;
        is(scene, 0, "running", &format!("verified by {proof}"))?;
        let sent = ask(scene, "signal 0 x.pid")?;
        sent.is_line(0, "", &format!("(verified by {proof})"))?;
    }
    kill(daemon).map(drop)
}

fn another_users(scene: &Scene) -> Checked {
    let (daemon, _) = unguarded(scene)?;
    let record = Record::path(&file("x.pid"));
    chown(&record, Some(65534), None).doing("give the record away")?;
    is(scene, 0, "running", "unverified")?;
    // The pidfile's own user may say what it means.
    chown(file("x.pid"), Some(65534), None).doing("give the pidfile away")?;
    is(scene, 4, "unknown", "untrusted")?;
    chown(&record, Some(0), None).doing("take the record back")?;
    is(scene, 4, "unknown", "untrusted")?;
    chown(file("x.pid"), Some(0), None).doing("take the pidfile back")?;
    is(scene, 0, "running", "verified by pidfd handle")?;
    // Who can write the record can say whom the pidfile means.
    let mode = |mode| fs::set_permissions(&record, fs::Permissions::from_mode(mode));
    mode(0o646).doing("let everybody write the record")?;
    is(scene, 4, "unknown", "untrusted")?;
    ask(scene, "signal --unverified KILL x.pid")?.is_refusal(4, &["did not signal"])?;
    mode(0o644).doing("close the record")?;
    is(scene, 0, "running", "verified by pidfd handle")?;
    // Neither is a link one.
    let aside = file("aside");
    fs::rename(&record, &aside).doing("move the record")?;
    std::os::unix::fs::symlink(&aside, &record).doing("link the record")?;
    is(scene, 0, "running", "unverified")?;
    kill(daemon).map(drop)
}

/// Held, the guard's lock says that it lives there. Free, it is enough when the user himself named the file.
fn abroad(scene: &Scene) -> Checked {
    let (daemon, text) = unguarded(scene)?;
    let machine = text.lines().find_map(|line| line.strip_prefix("machine "));
    // A machine without an identity is never known to be the same.
    let other_boot = match machine {
        Some("-") | None => "gone-namespace",
        Some(_) => "other-boot",
    };
    let boot = "boot 00000000-0000-0000-0000-000000000000\n";
    let other = "machine 00000000000000000000000000000000\n";
    let none = "machine -\n";
    let pidns = with(&text, "pidns", |_| "pidns 1\n".to_owned())?;
    let booted = with(&text, "boot", |_| boot.to_owned())?;
    for (text, reason) in [
        (pidns, "gone-namespace"),
        (booted.clone(), other_boot),
        (
            with(&booted, "machine", |_| other.to_owned())?,
            "gone-namespace",
        ),
        (
            with(&booted, "machine", |_| none.to_owned())?,
            "gone-namespace",
        ),
    ] {
        write_record(text)?;
        is(scene, 1, "stale  ", reason)?;
        ask(scene, "signal KILL x.pid")?.is_refusal(7, &["was recorded "])?;
        let record = File::open(Record::path(&file("x.pid"))).doing("open the record")?;
        let lock = Flock::lock(record, FlockArg::LockExclusive);
        let lock = lock.map_err(|(_, error)| error).doing("lock it")?;
        is(scene, 4, "unknown", "elsewhere")?;
        for refused in [
            "signal KILL x.pid",
            "stop x.pid",
            "adopt --unverified x.pid",
        ] {
            ask(scene, refused)?.is_refusal(4, &["was recorded in another PID namespace"])?;
        }
        drop(lock);
    }
    if daemon.process.is_dead() {
        return Err(Failure::new("the daemon was signalled", HOME));
    }
    kill(daemon).map(drop)
}
