//! A pidfile that another process has locked is not removed: it may be that process's. When the lock goes, the file
//! does.

use std::fs::File;

use nix::fcntl::{Flock, FlockArg};
use pidward_tests::failure::{Checked, Doing};

use super::post::{daemon, guarded, kill, leaves, ready};
use crate::promise::Promise;
use crate::scene::{Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let reader = Promise::new(
        "a_dead_daemons_pidfile_stays_while_a_reader_locks_it",
        locked_by_a_reader,
    );
    Promise::each(
        "a_dead_daemons_pidfile_stays_while_another_process_locks_it",
        &["posix", "ofd", "flock"],
        locked,
    )
    .chain([reader])
}

fn locked(scene: &Scene, kind: &str) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    let holder = ready(self::daemon(&format!(
        "hold x.pid lock {kind} say ready hear"
    )))?;
    kill(daemon)?;
    post.stays()?;
    kill(holder)?;
    post.cleared()?;
    leaves(&guard)
}

/// flock(2) takes an exclusive lock on a descriptor that cannot write, too; here it is the test that holds it.
fn locked_by_a_reader(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    let reader = File::open(file("x.pid")).doing("open x.pid")?;
    let lock = Flock::lock(reader, FlockArg::LockExclusive).map_err(|(_, error)| error);
    let lock = lock.doing("lock x.pid")?;
    kill(daemon)?;
    post.stays()?;
    drop(lock);
    post.cleared()?;
    leaves(&guard)
}
