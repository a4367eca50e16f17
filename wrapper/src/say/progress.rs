//! A bar on a terminal, for a user who waits: `[#########           ] 45123 of 100000`.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Who gets the answer sooner needs no bar; and how often it is drawn.
const LONG: Duration = Duration::from_millis(500);
const OFTEN: Duration = Duration::from_millis(100);

/// Columns of the bar itself.
const WIDTH: u64 = 30;

/// How far it is.
#[derive(Debug)]
pub(crate) struct Progress {
    all: u64,
    done: u64,
    /// When it is to be drawn next.
    next: Instant,
    is_drawn: bool,
}

impl Progress {
    /// Of so many; none where nobody looks.
    pub(crate) fn of(count: impl FnOnce() -> u64) -> Option<Self> {
        io::stderr().is_terminal().then(|| Self {
            all: count(),
            done: 0,
            next: Instant::now() + LONG,
            is_drawn: false,
        })
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let now = Instant::now();
        if now >= self.next {
            self.next = now + OFTEN;
            self.is_drawn = true;
            // More may have come since they were counted.
            let all = self.all.max(self.done);
            let full = usize::try_from(self.done * WIDTH / all).unwrap_or_default();
            let bar = "#".repeat(full);
            let width = usize::try_from(WIDTH).unwrap_or_default();
            let _ = write!(io::stderr(), "\r[{bar:<width$}] {} of {all}", self.done);
        }
    }

    /// Makes room for a line.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
