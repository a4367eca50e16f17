//! What comes at each system call of a sweep: another sweep, the guard of a daemon that dies just then, the next instance.

use pidward_tests::failure::{Checked, Failure};
use pidward_tests::world::evidence;

use super::{at_each, is_his, is_put_right, successor};
use crate::answer::ask;
use crate::attacks::tracer::{ends_with, stopped_at};
use crate::guard::post::{ends_or_waits, guarded, kill, leaves};
use crate::legacy::Legacy;
use crate::number::abandoned;
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{Scene, file};

/// Gives the instance that is there by then.
type Meanwhile = fn(&Scene) -> Checked<Option<Legacy>>;

/// What happens meanwhile.
const MEANWHILE: [(&str, Meanwhile); 3] = [
    ("another_sweep", |scene| ask(scene, "sweep .").map(|_| None)),
    ("another_sweep_and_the_next_instance", |scene| {
        ask(scene, "sweep .")?;
        successor().map(Some)
    }),
    ("the_next_instance_and_another_sweep", |scene| {
        let next = successor()?;
        ask(scene, "sweep .")?;
        Ok(Some(next))
    }),
];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let of_stale = MEANWHILE.into_iter().map(|(name, meanwhile)| {
        Promise::new(
            format!("what_comes_at_any_system_call_of_a_sweep_loses_nothing::{name}"),
            move |scene| of_a_dead_ones(scene, meanwhile),
        )
    });
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    of_stale.chain([
        each(
            "what_comes_at_any_system_call_of_a_sweep_loses_nothing::the_death_of_a_guarded_daemon",
            |scene| of_a_guarded_ones(scene, || Ok(None)),
        ),
        each(
            "what_comes_at_any_system_call_of_a_sweep_loses_nothing::that_and_the_next_instance",
            |scene| of_a_guarded_ones(scene, || successor().map(Some)),
        ),
    ])
}

/// A sweep at one of whose system calls this happens; gives the instance that has come by then, which keeps its pidfile. None when it
/// has no such call.
fn sweep(
    scene: &Scene,
    number: usize,
    meanwhile: impl FnOnce() -> Checked<Option<Legacy>>,
) -> Checked<Option<Option<Legacy>>> {
    let mut next = None;
    let output = stopped_at(pidward(scene, &["sweep", "."]), number, || {
        next = meanwhile()?;
        Ok(())
    })?;
    let Some(output) = output else {
        return Ok(None);
    };
    let what = format!("{output:#?}\n{}", evidence());
    ends_with(&output, &[0, 1], &what)?;
    next.as_ref().map_or(Ok(()), is_his)?;
    Ok(Some(next))
}

fn of_a_dead_ones(scene: &Scene, meanwhile: Meanwhile) -> Checked {
    at_each(|number| {
        abandoned(scene)?;
        let Some(next) = sweep(scene, number, || meanwhile(scene))? else {
            return Ok(false);
        };
        match next {
            Some(next) => kill(next).map(drop)?,
            None if file("x.pid").exists() => {
                return Err(Failure::new("a dead one's pidfile is left", evidence()));
            }
            None => {}
        }
        is_put_right(scene).map(|()| true)
    })
}

fn of_a_guarded_ones(scene: &Scene, then: impl Fn() -> Checked<Option<Legacy>>) -> Checked {
    at_each(|number| {
        let (daemon, guard, _) = guarded(scene)?;
        let dies = || {
            kill(daemon)?;
            let next = then()?;
            ends_or_waits(&guard)?;
            Ok(next)
        };
        let Some(next) = sweep(scene, number, dies)? else {
            return Ok(false);
        };
        next.map(kill).transpose()?;
        leaves(&guard)?;
        is_put_right(scene).map(|()| true)
    })
}
