//! Those who remove a pidfile when its daemon dies, the shim and the guard, remove nothing else: a successor comes, or the
//! directory is another, at each of their system calls in turn.

use std::fs;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::world::evidence;

use super::succession::{SUCCESSIONS, Swapped, clear, is_kept};
use super::tracer::Traced;
use super::{MANY, daemon_of_mallory};
use crate::compare::NO_GUARD;
use crate::guard::post::{Post, daemon, guard, kill};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file};

type Succession = fn(&Legacy) -> Checked<Swapped>;

/// Runs one who removes to where its daemon is dying; the text of the pidfile.
type Dies = fn(&Scene) -> Checked<(Traced, String)>;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |who: &'static str, dies: Dies| {
        SUCCESSIONS.into_iter().map(move |(name, succession)| {
            Promise::new(
                format!("a_swap_at_any_system_call_of_{who}_removes_nothing_else::{name}"),
                move |scene| removes_nothing_else(scene, dies, succession),
            )
        })
    };
    each("a_guard", guarded).chain(each("a_dying_daemon", dying))
}

/// A guard of root's that has recorded a daemon, and the daemon was killed.
fn guarded(scene: &Scene) -> Checked<(Traced, String)> {
    let daemon = daemon_of_mallory("make open app/x.pid say ready hear")?;
    let mut guard = Traced::start(guard(scene, &[], &file("app/x.pid")))?;
    while Record::read(&file("app/x.pid")).is_none() {
        goes_on(&mut guard)?;
    }
    let text = format!("{}\n", daemon.process.pid);
    kill(daemon)?;
    Ok((guard, text))
}

/// A daemon of root's with a shim, which has made its pidfile and will end.
fn dying(scene: &Scene) -> Checked<(Traced, String)> {
    let mut command = daemon("make open app/x.pid die exit");
    command.env("LD_PRELOAD", &scene.library).envs([NO_GUARD]);
    command.current_dir(HOME);
    let mut daemon = Traced::start(command)?;
    let text = format!("{}\n", daemon.pid());
    while !fs::read_to_string(file("app/x.pid")).is_ok_and(|now| now == text) {
        goes_on(&mut daemon)?;
    }
    Ok((daemon, text))
}

fn goes_on(traced: &mut Traced) -> Checked {
    match traced.goes_on()? {
        true => Ok(()),
        false => Err(Failure::new("the test itself", evidence())),
    }
}

fn removes_nothing_else(scene: &Scene, dies: Dies, succession: Succession) -> Checked {
    scene.clear()?;
    let new = daemon_of_mallory("say ready hear")?;
    fs::create_dir(file("other")).doing("make a directory")?;
    let mut removed = 0;
    'stops: for number in 0..MANY {
        clear()?;
        let post = Post::in_directory(file("app"), "x.pid")?;
        let (mut traced, text) = dies(scene)?;
        fs::write(file("other/x.pid"), &text).doing("a file of root's")?;
        for _ in 0..=number {
            if !traced.goes_on()? {
                break 'stops;
            }
        }
        removed += usize::from(!post.is_there());
        let swapped = succession(&new)?;
        let process = Process::open(traced.pid()).ok_or("none").doing("open it")?;
        let mut child = traced.let_go()?;
        // A guard may have found the new one.
        let follows = || {
            let record = Record::read(&post.pidfile)?;
            (record.number("pid") == Some(new.process.pid)).then_some(())
        };
        post.until_or_dead(&process, follows)?;
        let what = format!("at stop {number}\n{}", evidence());
        is_kept(&new, swapped, &text, &what)?;
        // Where it was let be, it has ended.
        let _ = process.signal(Signal::SIGKILL);
        child.wait().doing("wait for it")?;
    }
    match removed {
        0 => Err(Failure::new("the test itself", "nothing was ever removed")),
        _ => kill(new).map(drop),
    }
}
