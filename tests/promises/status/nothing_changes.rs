//! Asking changes nothing: no file, no time of one, no guard.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use super::{status, status_as_nobody};
use crate::guard::post::{Post, daemon, falls_asleep, guarded, kill, leaves, ready, slept};
use crate::promise::Promise;
use crate::run::copied;
use crate::scene::{HOME, Scene, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    [Promise::new("asking_changes_nothing", nothing)].into_iter()
}

/// All below a directory: names, what stat(2) says but for the time of reading, and the bytes.
fn all(directory: &Path, into: &mut Vec<String>) -> Checked {
    let about = |path: &Path| -> Checked<String> {
        let it = path.symlink_metadata().doing("look at it")?;
        let times = (it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec());
        Ok(format!(
            "{path:?} {} {:o} {} {times:?}",
            it.ino(),
            it.mode(),
            it.nlink()
        ))
    };
    into.push(about(directory)?);
    let mut entries: Vec<_> = fs::read_dir(directory)
        .doing("list it")?
        .flatten()
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().doing("look at it")?);
        if kind.is_dir() {
            all(&path, into)?;
        } else {
            let bytes = if kind.is_file() {
                fs::read(&path).doing("read it")?
            } else {
                Vec::new()
            };
            into.push(format!("{} {bytes:?}", about(&path)?));
        }
    }
    Ok(())
}

fn snapshot() -> Checked<Vec<String>> {
    let mut files = Vec::new();
    for directory in [HOME, "/run", "/var/lib"] {
        all(Path::new(directory), &mut files)?;
    }
    Ok(files)
}

fn nothing(scene: &Scene) -> Checked {
    let copy = copied(scene)?;
    let (daemon, guard, post) = guarded(scene)?;
    kill(ready(self::daemon("make open stale.pid say ready hear"))?)?;
    write("garbled.pid", "x\n")?;
    fs::write("/run/stale.pid", "2147483647\n").doing("write a stale pidfile")?;
    let record = fs::File::open(Record::path(&post.pidfile)).doing("open the record")?;
    let before = (snapshot()?, falls_asleep(guard.pid, 1)?);
    for arguments in [
        &[][..],
        &[HOME],
        &["x.pid", "stale.pid"],
        &["--json", HOME, "/run"],
        &["missing.pid"],
    ] {
        status(scene, arguments)?;
        status_as_nobody(&copy, arguments)?;
    }
    let after = (snapshot()?, slept(guard.pid)?.0);
    if before != after {
        let evidence = format!("before {before:#?}\nafter {after:#?}");
        return Err(Failure::new("something has changed", evidence));
    }
    if !Post::is_locked(&record)? || guard.is_dead() {
        return Err(Failure::new("the guard is disturbed", ""));
    }
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}
