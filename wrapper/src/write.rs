//! Writing that ends nobody: a pipe that nobody reads and a file at its limit send signals to who writes to them, and a daemon does
//! not stay down because of what pidward had to say or to count.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// What write(2) may send along with EPIPE and EFBIG.
const SIGNALS: [Signal; 2] = [Signal::SIGPIPE, Signal::SIGXFSZ];

/// Writes with these signals ignored. What they did before they do again after that: a command inherits it.
#[expect(unsafe_code, reason = "dispositions for the time of a write")]
pub(crate) fn unharmed<T>(write: impl FnOnce() -> T) -> T {
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is set.
    let before = SIGNALS.map(|signal| (signal, unsafe { sigaction(signal, &ignored) }));
    let written = write();
    for (signal, before) in before {
        if let Ok(before) = before {
            // SAFETY: it is what this process had.
            let _ = unsafe { sigaction(signal, &before) };
        }
    }
    written
}
