//! What has to hold after each step.

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::{evidence, owner};

use super::growth::guard_is_small;
use super::steps::{Place, Soak};
use crate::left::ONE_SECOND;

impl Soak {
    /// Who lives has his pidfile; who does not has none; there is no guard too many, and none has grown.
    pub(super) fn holds(&mut self) -> Checked {
        for place in &self.daemons {
            let pidfile = place.soaked.daemon.pidfile();
            let expected = place.up.as_ref().map(|up| up.life.process.pid);
            let mut named = None;
            // Some write it anew when they reload.
            let same = every_ten_milliseconds(Deadline::after(ONE_SECOND), || {
                named = owner(&pidfile).map(|owner| owner.pid);
                let is_right = named == expected && (named.is_some() || !pidfile.exists());
                is_right.then_some(())
            });
            if same.is_none() {
                let what = format!(
                    "{}: {named:?}, not {expected:?}\n{}",
                    place.soaked.daemon.name,
                    evidence()
                );
                return Err(Failure::new("another pidfile", what));
            }
        }
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let same = every_ten_milliseconds(Deadline::after(ONE_SECOND), || {
            self.daemons
                .iter_mut()
                .for_each(Place::go_by_the_guard_there_is);
            expected = self.guards().map(|guard| guard.pid).collect();
            expected.sort_unstable();
            found = proc::pidwards().into_iter().map(|seen| seen.pid).collect();
            found.sort_unstable();
            (found == expected).then_some(())
        });
        if same.is_none() {
            let what = format!("{found:?}, not {expected:?}\n{}", evidence());
            return Err(Failure::new("other guards", what));
        }
        self.guards().try_for_each(guard_is_small)
    }

    fn guards(&self) -> impl Iterator<Item = &Process> {
        self.up().filter_map(|up| up.guard.as_ref())
    }
}

impl Place {
    /// Who takes longer to make his pidfile anew than his guard waits for that gets another one.
    fn go_by_the_guard_there_is(&mut self) {
        let pidfile = self.soaked.daemon.pidfile();
        if let Some(up) = &mut self.up
            && up.guard.as_ref().is_some_and(Process::is_dead)
            && let Some(record) = Record::read(&pidfile)
            && record.number("pid") == Some(up.life.process.pid)
            && let Some(guard) = record.number("guard").and_then(Process::living)
        {
            up.guard = Some(guard);
        }
    }
}
