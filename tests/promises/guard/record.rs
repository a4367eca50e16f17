//! The record says which process was meant, in the words that anybody may rely on.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use nix::sys::stat::fstat;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::post::{Post, guarded, kill};
use crate::promise::Promise;
use crate::scene::Scene;

const KNOWN: &str = "/var/lib/pidward/known";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("the_record_says_which_process_was_meant", all_keys),
        each("a_recorded_pidfile_has_a_link_for_others_to_find_it", known),
        each("the_guard_holds_the_records_lock_for_its_life", locked),
    ]
    .into_iter()
}

fn all_keys(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    let path = Record::path(&post.pidfile);
    let text = fs::read_to_string(&path).doing("read the record")?;
    let pid = daemon.process.pid;
    let read = |path: String| fs::read_to_string(path).doing("ask the kernel");
    let stat = read(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("none").doing("its stat")?;
    let start = fields.split(' ').nth(22 - 3).unwrap_or_default();
    let boot = read("/proc/sys/kernel/random/boot_id".to_owned())?;
    let pidns = fs::metadata("/proc/self/ns/pid")
        .doing("our namespace")?
        .ino();
    let pidfd = fstat(daemon.process.as_fd())
        .doing("look at the pidfd")?
        .st_ino;
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let machine = if machine.trim().is_empty() {
        "-"
    } else {
        machine.trim()
    };
    let exe = fs::read_link(format!("/proc/{pid}/exe")).doing("its program")?;
    let file = post.pidfile.metadata().doing("look at x.pid")?;
    // Nobody but the kernel knows it; that it leads to the process is what status relies on.
    let handle = text.lines().find_map(|line| line.strip_prefix("handle "));
    let handle = handle.unwrap_or_default();
    let expected = format!(
        "pidward 1\npid {pid}\nstart {start}\nboot {}\npidns {pidns}\npidfd {pidfd}\nhandle {handle}\n\
         machine {machine}\nexe {}\nuid 0\nfile {}\nwritten {}.{:09} {}\nguard {}\nend\n",
        boot.trim(),
        exe.display(),
        file.ino(),
        file.mtime(),
        file.mtime_nsec(),
        file.size(),
        guard.pid
    );
    let is_handle = handle.len() > 8 && handle.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mode = fs::metadata(&path).doing("look at the record")?;
    if text != expected || !is_handle || mode.permissions().mode() & 0o7777 != 0o644 {
        let evidence = format!("{mode:?}\n{text}expected\n{expected}");
        return Err(Failure::new("another record", evidence));
    }
    kill(daemon)?;
    post.cleared()
}

/// Where the links lead.
fn links() -> Vec<PathBuf> {
    let entries = fs::read_dir(KNOWN).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .collect()
}

fn known(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    super::post::falls_asleep(guard.pid, 1)?;
    let during = links();
    kill(daemon)?;
    super::post::leaves(&guard)?;
    let after = links();
    if during != [post.pidfile] || !after.is_empty() {
        let evidence = format!("while it lived {during:?}, after {after:?}");
        return Err(Failure::new("other links", evidence));
    }
    Ok(())
}

fn locked(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    let record = fs::File::open(Record::path(&post.pidfile)).doing("open the record")?;
    if !Post::is_locked(&record)? {
        return Err(Failure::new("the record is not locked", evidence()));
    }
    kill(daemon)?;
    super::post::leaves(&guard)?;
    match Post::is_locked(&record)? {
        true => Err(Failure::new("the lock outlives the guard", evidence())),
        false => Ok(()),
    }
}
