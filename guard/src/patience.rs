//! How long the guard waits for a pidfile that may never come.
//!
//! As long as the process lives that is to write it. When that has failed, or nothing but guards is left in its
//! cgroup, no longer; else until the waiting time is over, counted from that process's death.

use pidward_identity::pidfd::{ExitInfo, PidFd};
use rustix::fd::AsFd;
use rustix::time::ClockId;

use crate::cgroup;
use crate::watch::Watch;

/// How often to look when nothing wakes the guard, in milliseconds; and how often to look at the cgroup.
pub(crate) const TICK: u32 = 1000;

/// A pidfile that is written in several pieces is complete after this time, in milliseconds.
pub(crate) const WRITING: u32 = 2000;

/// How long a parent may take to reap, in milliseconds; after that nobody waits to learn the exit.
pub(crate) const REAPING: u32 = 500;

/// A time of the monotonic clock, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) fn now() -> Self {
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        Self(
            now.tv_sec
                .saturating_mul(1000)
                .saturating_add(now.tv_nsec / 1_000_000),
        )
    }

    pub(crate) fn in_milliseconds(milliseconds: u32) -> Self {
        Self(Self::now().0.saturating_add(i64::from(milliseconds)))
    }

    /// Milliseconds until then; 0 when it has passed. Out of line, because it is asked for in many places, and the guard is small.
    #[inline(never)]
    pub(crate) fn left(self) -> u32 {
        let left = self.0.saturating_sub(Self::now().0).max(0);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    pub(crate) fn has_passed(self) -> bool {
        self.left() == 0
    }
}

/// What is left of the waiting.
#[derive(Debug)]
pub(crate) struct Patience {
    /// The process that is to write the pidfile; none once it is dead.
    writer: Option<PidFd>,
    /// When to look next at who is left in the cgroup; none without a writer, for then it is not the daemon's.
    cgroup_check: Option<Moment>,
    /// Seconds that are waited from the writer's death on.
    timeout: u32,
    /// When they are over; none while the writer lives.
    deadline: Option<Moment>,
    /// All is over but one last look.
    over: bool,
}

impl Patience {
    /// Waits for a writer, or, when there is none, so many seconds from now on.
    pub(crate) fn new(writer: Option<PidFd>, timeout: u32) -> Self {
        let deadline = writer.is_none().then(|| after(timeout));
        Self {
            cgroup_check: writer.is_some().then(Moment::now),
            writer,
            timeout,
            deadline,
            over: false,
        }
    }

    /// Waits no longer than so many milliseconds from now on.
    pub(crate) fn at_most(&mut self, milliseconds: u32) {
        let sooner = Moment::in_milliseconds(milliseconds);
        self.deadline = Some(
            self.deadline
                .map_or(sooner, |deadline| deadline.min(sooner)),
        );
    }

    /// Waits for a change, at most `pause` milliseconds if there is a reason to look again by then. `false` when
    /// it is time to give up, and only after one last look.
    pub(crate) fn wait(&mut self, watch: &Watch, pause: Option<u32>) -> bool {
        if self.over {
            return false;
        }
        let tick = (!watch.is_armed()).then_some(TICK);
        let left = self.deadline.map(Moment::left);
        let check = self.cgroup_check.filter(|_| self.writer.is_none());
        let longest = [pause, tick, left, check.map(Moment::left)];
        let longest = longest.into_iter().flatten().min();
        watch.wait(self.writer.as_ref().map(AsFd::as_fd), longest);
        if self.writer.as_ref().is_some_and(PidFd::is_dead) {
            self.over = self.writer.take().is_some_and(|writer| has_failed(&writer));
            self.deadline = self.deadline.or(Some(after(self.timeout)));
        }
        if self.writer.is_none() {
            self.over |= self.deadline.is_some_and(Moment::has_passed) || self.nobody_is_left();
        }
        true
    }

    /// Looks at the cgroup, if it is time to.
    fn nobody_is_left(&mut self) -> bool {
        if !self.cgroup_check.is_some_and(Moment::has_passed) {
            return false;
        }
        self.cgroup_check = Some(Moment::in_milliseconds(TICK));
        cgroup::only_guards_are_left() == Some(true)
    }
}

fn after(seconds: u32) -> Moment {
    Moment::in_milliseconds(seconds.saturating_mul(1000))
}

/// Whether it ended by a signal or with a status that says so. Not when the kernel does not tell, or not in time.
fn has_failed(writer: &PidFd) -> bool {
    let info = writer.reaping_within(REAPING).exit_info();
    let status = info.map(ExitInfo::exit_status);
    status.is_some_and(|status| status != Some(0))
}
