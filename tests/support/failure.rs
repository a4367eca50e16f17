//! What went wrong in a test, in a few words for the table of cells and at length for the reader of the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of everything that can find a promise broken.
pub type Checked<T = ()> = Result<T, Failure>;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In a few words, fit for a table cell: `pidfile stayed`.
    pub what: String,
    /// What was seen.
    pub evidence: String,
}

impl Failure {
    /// `what` in a few words, `evidence` at any length.
    pub fn new(what: impl Into<String>, evidence: impl fmt::Display) -> Self {
        Self {
            what: what.into(),
            evidence: evidence.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.evidence)
    }
}

/// Says what was being done when an operation of the test itself did not work.
pub trait Doing<T> {
    /// Turns the error into a [`Failure`] whose `what` is "the test itself".
    ///
    /// # Errors
    /// The error it was called on.
    fn doing(self, what: impl fmt::Display) -> Checked<T>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Checked<T> {
        self.map_err(|error| Failure::new("the test itself", format!("{what}: {error}")))
    }
}
