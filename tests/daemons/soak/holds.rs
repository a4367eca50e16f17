//! What has to hold after each step.

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::proc;
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::{evidence, owner};

use super::growth::guard_is_small;
use super::steps::Soak;
use crate::left::ONE_SECOND;

impl Soak {
    /// Who lives has his pidfile; who does not has none; there is no guard too many, and none has grown.
    pub(super) fn holds(&self) -> Checked {
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
        let mut expected: Vec<i32> = self
            .up()
            .filter_map(|up| up.guard.as_ref())
            .map(|guard| guard.pid)
            .collect();
        expected.sort_unstable();
        let mut found = Vec::new();
        let same = every_ten_milliseconds(Deadline::after(ONE_SECOND), || {
            found = proc::pidwards().into_iter().map(|seen| seen.pid).collect();
            found.sort_unstable();
            (found == expected).then_some(())
        });
        if same.is_none() {
            let what = format!("{found:?}, not {expected:?}\n{}", evidence());
            return Err(Failure::new("other guards", what));
        }
        self.up()
            .filter_map(|up| up.guard.as_ref())
            .try_for_each(guard_is_small)
    }
}
