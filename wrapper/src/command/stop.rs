//! `pidward stop`: ends the daemons behind pidfiles, all at once, and says how each ended.
//!
//! What is signalled is the process that was looked at; a number that another has got is left alone, and its pidfile
//! cleaned up. Success means that no daemon is left behind any of the pidfiles.

use std::time::{Duration, Instant};

use pidward_identity::Errno;
use pidward_identity::owner::Owner;
use pidward_identity::pidfd::{Ending, Reaping};
use pidward_identity::remove::Kept;
use pidward_identity::signal::Signal;
use pidward_identity::verdict::Class;

use crate::clean::{self, Removed};
use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::finding::{Looked, question};
use crate::named::Named;
use crate::say;
use crate::say::deed::{self, Sent};
use crate::say::refusal::{self, Act};
use crate::schedule::{Schedule, Step};
use crate::tally::Tally;
use crate::vigil::{self, Awaited, Vigil};

/// For how long a parent may take to learn of the death. Until it has, nobody knows how the process ended.
const REAPING: Duration = Duration::from_secs(1);

/// Stops all of them.
pub(crate) fn stop(options: &cli::Stop, environment: &Environment) -> Exit {
    let named = Named::of(&options.pidfiles);
    let mut tally = Tally::new("stop", environment);
    let mut exit = named.exit;
    let mut targets = Vec::new();
    for looked in named.look(question(environment, true)) {
        match looked.finding.reason.class() {
            Class::Missing => exit = exit.max(deed::not_there(&looked.finding)),
            Class::Stale => exit = exit.max(clean_up(&looked, &mut tally)),
            Class::Running | Class::Unknown => {
                match refusal::owner_to(Act::Stop, &looked, options.unverified) {
                    Ok(owner) => say::without_pidfd(&looked.finding, owner),
                    Err(refused) => {
                        exit = exit.max(refused);
                        continue;
                    }
                }
                let is_another =
                    |target: &Target<'_>| target.looked.finding.pid() != looked.finding.pid();
                let is_first = targets.iter().all(is_another);
                targets.push(Target::new(looked, is_first));
            }
        }
    }
    match Vigil::begin() {
        Ok(vigil) => exit.max(stop_all(targets, &options.schedule, &vigil, &mut tally)),
        Err(error) => say::cannot_wait(error),
    }
}

/// A daemon that is to end.
struct Target<'p> {
    looked: Looked<'p>,
    /// No other pidfile of the same process came before: each process is signalled once.
    is_first: bool,
    /// The step of the schedule that comes next, and when.
    step: usize,
    due: Instant,
    sent: Option<Sent>,
    /// Until when to wait for its reaping, once it is dead.
    dead: Option<Instant>,
}

impl<'p> Target<'p> {
    fn new(looked: Looked<'p>, is_first: bool) -> Self {
        Self {
            looked,
            is_first,
            step: 0,
            due: Instant::now(),
            sent: None,
            dead: None,
        }
    }

    fn owner(&self) -> Option<&Owner> {
        self.looked.owner.as_ref()
    }

    fn is_dead(&self) -> bool {
        self.owner().is_none_or(Owner::is_dead)
    }

    fn awaited(&self) -> Option<Awaited<'_>> {
        let owner = self.owner()?;
        Some(match self.dead {
            Some(_) => Awaited::Reaping(owner),
            None => Awaited::Death(owner),
        })
    }

    /// When something is to be done, whatever happens until then.
    fn next(&self) -> Instant {
        self.dead.unwrap_or(self.due)
    }

    /// Does what is due; how it ended for the user, once it has.
    fn go_on(&mut self, schedule: &Schedule, tally: &mut Tally<'_>) -> Option<Exit> {
        let now = Instant::now();
        if self.dead.is_none() && self.is_dead() {
            self.dead = Some(now + REAPING);
        }
        match self.dead {
            Some(until) => self.ended(now >= until, clean::GUARDS_TIME, tally),
            None if now >= self.due => self.take_steps(schedule),
            None => None,
        }
    }

    /// Says how it ended, when that is known, or will not be. Its guard has so much time for what it has left.
    fn ended(&self, is_late: bool, patience: Duration, tally: &mut Tally<'_>) -> Option<Exit> {
        let pidfd = self.owner().and_then(Owner::pidfd);
        let reaping = pidfd.map_or(Reaping::Done(None), |pidfd| pidfd.reaping_within(0));
        if reaping == Reaping::Pending && !is_late {
            return None;
        }
        let exit = deed::stopped(&self.looked.finding, reaping, self.sent);
        let ending = Ending::of(reaping.exit_info());
        Some(exit.max(clean_up_after(&self.looked, ending, patience, tally)))
    }

    fn take_steps(&mut self, schedule: &Schedule) -> Option<Exit> {
        loop {
            match schedule.next(&mut self.step) {
                Some(Step::Wait(time)) => {
                    self.due = vigil::after(time);
                    return None;
                }
                Some(Step::Send(signal)) => {
                    if let Err(error) = self.send(signal) {
                        let finding = &self.looked.finding;
                        return Some(refusal::not_signalled(finding, signal, error));
                    }
                }
                None => return Some(deed::gave_up(&self.looked.finding, self.sent)),
            }
        }
    }

    fn send(&mut self, signal: Signal) -> Result<(), Errno> {
        let owner = self.owner().filter(|_| self.is_first);
        let sent = owner.map_or(Ok(()), |owner| owner.signal(signal));
        match sent {
            Ok(()) => {
                self.sent = Some(Sent::now(signal));
                Ok(())
            }
            // It ended just now; that is seen next.
            Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn stop_all(
    mut targets: Vec<Target<'_>>,
    schedule: &Schedule,
    vigil: &Vigil,
    tally: &mut Tally<'_>,
) -> Exit {
    let mut exit = Exit::Success;
    loop {
        targets.retain_mut(|target| match target.go_on(schedule, tally) {
            Some(ended) => {
                exit = exit.max(ended);
                false
            }
            None => true,
        });
        let Some(next) = targets.iter().map(Target::next).min() else {
            return exit;
        };
        let awaited: Vec<Awaited<'_>> = targets.iter().filter_map(Target::awaited).collect();
        if let Some(signal) = vigil.wait(&awaited, Some(next)) {
            // Whoever has died meanwhile has ended as well as those before, and the user hears of it.
            let (dead, living): (Vec<_>, Vec<_>) = targets.into_iter().partition(Target::is_dead);
            for target in &dead {
                target.ended(true, Duration::ZERO, tally);
            }
            let living: Vec<Looked<'_>> = living.into_iter().map(|it| it.looked).collect();
            deed::still_lives(&living, Some(signal));
            return Exit::Interrupted(signal);
        }
    }
}

/// Removes a pidfile that is stale.
fn clean_up(looked: &Looked<'_>, tally: &mut Tally<'_>) -> Exit {
    let (Some(pidfile), Some(pid)) = (&looked.pidfile, looked.finding.pid()) else {
        return Exit::Success;
    };
    match clean::clean_up(pidfile, pid, looked.version, clean::GUARDS_TIME) {
        Ok(Removed::Here) => {
            tally.count(looked.finding.reason.name());
            deed::cleaned_up(&looked.finding)
        }
        Ok(Removed::Meanwhile) => deed::cleaned_up(&looked.finding),
        // Somebody else was first.
        Ok(Removed::Before) => Exit::Success,
        Err(kept) => refusal::left(&looked.finding, kept),
    }
}

/// Removes what a daemon has left that has just ended.
fn clean_up_after(
    looked: &Looked<'_>,
    ending: Ending,
    patience: Duration,
    tally: &mut Tally<'_>,
) -> Exit {
    let (Some(pidfile), Some(pid)) = (&looked.pidfile, looked.finding.pid()) else {
        return Exit::Success;
    };
    match clean::clean_up(pidfile, pid, None, patience) {
        Ok(Removed::Here) => {
            tally.count(ending.name());
            Exit::Success
        }
        Ok(Removed::Meanwhile | Removed::Before) | Err(Kept::NotHis) => {
            // It may be another's by now, who has been started meanwhile.
            if let Some(now) = looked.successor() {
                deed::succeeded(&now);
            }
            Exit::Success
        }
        Err(kept) => refusal::left_behind(&looked.finding, kept),
    }
}
