//! What holds in every cell: the daemon dies as it always did, and leaves nothing behind.

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::record::Record;
use pidward_tests::watch::Watch;
use pidward_tests::world::{World, evidence, owner};

use crate::daemon::Daemon;
use crate::guarded::{guard_of, is_unnoticed, seen_of_record};
use crate::inside::Showed;
use crate::left::{ONE_SECOND, gone_within_a_second, nothing_is_left, only_guard};
use crate::life::{Life, parent};
use crate::ways::{Ending, Mode};

/// A daemon in a mode, to be ended in a way.
pub(crate) struct Cell<'a> {
    /// Where it runs.
    pub(crate) world: &'a World,
    /// The daemon.
    pub(crate) daemon: &'a Daemon,
    /// How it is started.
    pub(crate) mode: Mode,
    /// How it is ended.
    pub(crate) ending: Ending,
}

impl Cell<'_> {
    /// The daemon without pidward: shows what it does.
    pub(crate) fn baseline(&self) -> Checked<Showed> {
        let life = Life::start(self.world, self.daemon, self.mode)?;
        let stop = life.end(self.world, self.daemon, self.ending)?;
        let patience = Deadline::seconds(if self.ending == Ending::Int { 5 } else { 15 });
        let death = self.world.end_of(&life.process, patience);
        Ok(Showed {
            start: life.start,
            stop,
            death,
            kept: self.daemon.pidfile().exists(),
        })
    }

    /// The daemon with pidward: does what the baseline did, and is cleaned up after.
    pub(crate) fn check(&self, expected: &Showed) -> Checked {
        if self.is_out_of_reach() {
            return self.stays_as_it_was(expected);
        }
        self.leaves_nothing(expected)?;
        self.world.end_what_is_left(|_, _| false)?;
        if expected.death.is_some() {
            self.a_second_instance_keeps_its_pidfile()?;
        }
        Ok(())
    }

    /// Nobody told pidward of the pidfile, and no preload can see it.
    fn is_out_of_reach(&self) -> bool {
        self.daemon.is_static && self.mode != Mode::Guarded
    }

    fn stays_as_it_was(&self, expected: &Showed) -> Checked {
        let life = Life::start(self.world, self.daemon, self.mode)?;
        only_guard(None)?;
        let showed = Showed {
            stop: life.end(self.world, self.daemon, self.ending)?,
            death: self.world.end_of(&life.process, Deadline::seconds(15)),
            start: life.start,
            kept: self.daemon.pidfile().exists(),
        };
        same(expected, &showed)?;
        only_guard(None)
    }

    fn leaves_nothing(&self, expected: &Showed) -> Checked {
        let life = Life::start(self.world, self.daemon, self.mode)?;
        let guard = guard_of(&self.daemon.pidfile(), &life.process)?;
        is_unnoticed(&self.daemon.pidfile(), &life.process, &guard)?;

        let pidfile = self.daemon.pidfile();
        let watch = Watch::on(&[parent(&pidfile)])?;
        let stop = life.end(self.world, self.daemon, self.ending)?;
        let patience = if expected.death.is_some() {
            Deadline::seconds(15)
        } else {
            Deadline::after(ONE_SECOND / 3)
        };
        let died = life.process.dies_by(patience);
        if !died && expected.death.is_none() {
            return self.lives_on(life);
        }
        // The second runs from here, whatever else is looked at.
        let gone = gone_within_a_second(&watch, &pidfile);
        let death = self.world.end_of(&life.process, patience);
        same(
            expected,
            &Showed {
                start: life.start,
                stop,
                death,
                kept: expected.kept,
            },
        )?;
        gone?;
        nothing_is_left()
    }

    /// A signal that did not end the daemon ended nothing of ours either.
    fn lives_on(&self, life: Life) -> Checked {
        let pidfile = self.daemon.pidfile();
        let named = owner(&pidfile).is_some_and(|owner| owner.pid == life.process.pid);
        if !named || Record::read(&pidfile).is_none() {
            return Err(Failure::new("removed while it lives", evidence()));
        }
        let watch = Watch::on(&[parent(&pidfile)])?;
        life.end(self.world, self.daemon, Ending::Kill)?;
        if !life.process.dies_by(Deadline::seconds(15)) {
            return Err(Failure::new("survives SIGKILL", evidence()));
        }
        gone_within_a_second(&watch, &pidfile)?;
        nothing_is_left()
    }

    /// The one rule: the death of one instance never takes the pidfile of the next.
    fn a_second_instance_keeps_its_pidfile(&self) -> Checked {
        let first = Life::start(self.world, self.daemon, self.mode)?;
        let guard = guard_of(&self.daemon.pidfile(), &first.process)?;
        first.end(self.world, self.daemon, self.ending)?;
        if !first.process.dies_by(Deadline::seconds(15)) {
            return Err(Failure::new("does not die again", evidence()));
        }
        // What the first leaves alive would keep its port or its shared memory from the second.
        self.world.end_what_is_left(|_, _| false)?;
        let second = Life::start_at_once(self.world, self.daemon, self.mode)?;
        let next_guard = guard_of(&self.daemon.pidfile(), &second.process)?;
        // Either the first guard is gone, or it follows the second instance now.
        if next_guard.pid != guard.pid && !guard.dies_by(Deadline::seconds(5)) {
            return Err(Failure::new(
                "the first guard stays",
                seen_of_record(&self.daemon.pidfile()),
            ));
        }
        // A daemon that was given its pidfile may still be starting, and the shim with it.
        let mut ready = self.daemon.ready.iter();
        ready.try_for_each(|ready| ready.wait(self.world))?;
        is_unnoticed(&self.daemon.pidfile(), &second.process, &next_guard)?;
        let pidfile = self.daemon.pidfile();
        if owner(&pidfile).is_none_or(|owner| owner.pid != second.process.pid) {
            return Err(Failure::new("took the next one's pidfile", evidence()));
        }
        let watch = Watch::on(&[parent(&pidfile)])?;
        second.end(self.world, self.daemon, Ending::Kill)?;
        if !second.process.dies_by(Deadline::seconds(15)) {
            return Err(Failure::new("survives SIGKILL", evidence()));
        }
        gone_within_a_second(&watch, &pidfile)?;
        nothing_is_left()
    }
}

/// Start, stop and death are those of the baseline.
fn same(expected: &Showed, showed: &Showed) -> Checked {
    if showed == expected {
        return Ok(());
    }
    let word = if showed.death == expected.death {
        "other exit status"
    } else {
        "other death"
    };
    Err(Failure::new(
        word,
        format!("expected {expected:?}\nshowed   {showed:?}\n{}", evidence()),
    ))
}
