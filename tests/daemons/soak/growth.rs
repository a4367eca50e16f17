//! Whether a daemon has grown since it was warm: in descriptors, or in memory that is its alone.

use std::fmt;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::watch::every_ten_milliseconds;

/// What a guard may have.
const DESCRIPTORS: usize = 6;
const PRIVATE_KIB: u64 = 32;

/// So many reloads, rotations and looks make a daemon warm: bind9 takes 30 MiB more for its first reloads, with pidward and without.
const WARM: u32 = 20;

/// What a warm daemon may have more: connections and children come and go, and allocators keep what was freed.
const MORE_DESCRIPTORS: usize = 8;
const MORE_KIB: u64 = 4096;

/// What a process holds.
#[derive(Clone, Copy, Default, Debug)]
struct Size {
    descriptors: usize,
    private: u64,
}

impl Size {
    fn of(process: &Process) -> Checked<Self> {
        let (descriptors, private) = (
            proc::descriptors(process.pid).len(),
            proc::private_kib(process.pid),
        );
        match private {
            Ok(private) => Ok(Self {
                descriptors,
                private,
            }),
            // It ends, of what is for others to say.
            Err(_) if process.is_dead() => Ok(Self::default()),
            Err(failure) => Err(failure),
        }
    }

    /// What a process has in hand it gives back: its size when it is within the limit, and whether it came to be.
    fn settled(process: &Process, limit: Self) -> (Self, bool) {
        let mut size = Self::default();
        let settled = every_ten_milliseconds(Deadline::seconds(10), || {
            size = Self::of(process).ok()?;
            size.is_within(limit).then_some(())
        });
        (size, settled.is_some())
    }

    fn is_within(self, limit: Self) -> bool {
        self.descriptors <= limit.descriptors && self.private <= limit.private
    }

    fn max(self, other: Self) -> Self {
        Self {
            descriptors: self.descriptors.max(other.descriptors),
            private: self.private.max(other.private),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} descriptors, {} KiB", self.descriptors, self.private)
    }
}

/// A daemon's size in the course of its life.
#[derive(Clone, Copy, Default)]
pub(super) struct Growth {
    /// What was done to it.
    pub(super) handled: u32,
    warm: Size,
    most: Size,
}

impl Growth {
    /// Looks at the daemon after something was done to it.
    pub(super) fn look(&mut self, process: &Process) -> Checked {
        self.handled += 1;
        if self.handled <= WARM {
            self.warm = self.warm.max(Size::of(process)?);
            self.most = self.warm;
            return Ok(());
        }
        let limit = Size {
            descriptors: self.warm.descriptors + MORE_DESCRIPTORS,
            private: self.warm.private + self.warm.private / 2 + MORE_KIB,
        };
        let (size, is_small) = Size::settled(process, limit);
        self.most = self.most.max(size);
        match is_small {
            true => Ok(()),
            false => Err(Failure::new("the daemon has grown", self)),
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            handled,
            warm,
            most,
        } = self;
        write!(to, "{warm}, and after {handled} steps {most} at most")
    }
}

/// A guard has what every guard has, but for what it takes while it looks at a pidfile.
pub(super) fn guard_is_small(guard: &Process) -> Checked {
    let limit = Size {
        descriptors: DESCRIPTORS,
        private: PRIVATE_KIB,
    };
    match Size::settled(guard, limit) {
        (_, true) => Ok(()),
        (size, false) => Err(Failure::new("a guard has grown", size)),
    }
}
