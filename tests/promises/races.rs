//! Two at one pidfile: instances of a daemon, sweeps, guards, and who sends signals. At whichever of one's system calls the other
//! comes, no living file is lost, nobody else is signalled, and what is left the next sweep puts right.

use std::fs;

use pidward_tests::failure::{Checked, Failure};
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use crate::answer::ask;
use crate::attacks::MANY;
use crate::attacks::tracer::Traced;
use crate::guard::post::{Post, daemon, guard, kill, ready, with_pidfile};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{Scene, file};

mod guards;
mod restarts;
mod signals;
mod sweeps;

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let mut all = restarts::promises();
    all.extend(guards::promises());
    all.extend(sweeps::promises());
    all.extend(signals::promises());
    all
}

/// Tries every system call, by its number, until one says that there are no more. What a system call leaves is what the next
/// one finds, so it is enough to stop before each.
fn at_each(mut one: impl FnMut(usize) -> Checked<bool>) -> Checked {
    for number in (0..MANY).step_by(2) {
        let goes_on = one(number);
        let what = || format!("at stop {number}");
        match goes_on {
            Ok(true) => {}
            Ok(false) if number > 0 => return Ok(()),
            Ok(false) => return Err(Failure::new("the test itself", what())),
            Err(failure) => return Err(Failure::new(what(), failure)),
        }
    }
    Err(Failure::new("the test itself", "there is no end of it"))
}

/// A daemon, and a guard that stops at each of its system calls.
struct Guarded {
    post: Post,
    /// None once it was killed, which it is when its guard has recorded it and is about to wait.
    daemon: Option<Legacy>,
    guard: Traced,
}

impl Guarded {
    fn start(scene: &Scene) -> Checked<Self> {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let daemon = Some(with_pidfile()?);
        let guard = Traced::start(guard(scene, &[], &post.pidfile))?;
        Ok(Self {
            post,
            daemon,
            guard,
        })
    }

    /// Runs it to the stop of this number. `false` when it has ended instead.
    fn runs_to(&mut self, number: usize) -> Checked<bool> {
        for _ in 0..=number {
            let is_recorded = self.guard.is_at_poll() && Record::read(&self.post.pidfile).is_some();
            if is_recorded && let Some(daemon) = self.daemon.take() {
                kill(daemon)?;
            }
            if !self.guard.goes_on()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Another instance, which has put a pidfile of its own in place.
fn successor() -> Checked<Legacy> {
    ready(daemon("make rename x.pid say ready hear"))
}

/// The pidfile is there, and names it.
fn is_his(daemon: &Legacy) -> Checked {
    let text = fs::read_to_string(file("x.pid")).unwrap_or_default();
    match !daemon.process.is_dead() && text.trim() == daemon.process.pid.to_string() {
        true => Ok(()),
        false => Err(Failure::new("a living one's pidfile is lost", evidence())),
    }
}

/// The next sweep puts right whatever is there, and of what nobody has nothing is left.
fn is_put_right(scene: &Scene) -> Checked {
    crate::faults::is_put_right(scene, &["x.pid"])?;
    ask(scene, "sweep")?;
    let links = fs::read_dir("/var/lib/pidward/known").into_iter().flatten();
    match links.count() {
        0 => Ok(()),
        _ => Err(Failure::new("a link is left", evidence())),
    }
}
