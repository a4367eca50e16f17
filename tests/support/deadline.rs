//! How long something may take. Every wait of the tests has a deadline, and none of them sleeps.

use std::time::{Duration, Instant};

use nix::poll::PollTimeout;

/// A moment after which waiting ends.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// This long from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// This many seconds from now.
    #[must_use]
    pub fn seconds(seconds: u64) -> Self {
        Self::after(Duration::from_secs(seconds))
    }

    /// What is left; zero once the moment is over.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// What is left, as poll(2) takes it.
    #[must_use]
    pub fn left(self) -> PollTimeout {
        PollTimeout::try_from(self.remaining()).unwrap_or(PollTimeout::MAX)
    }

    /// Whether the moment is over.
    #[must_use]
    pub fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}
