//! What `run -f` says besides: of signals that it could not pass on, and of ends that it could not learn.

use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::notice;
use super::text::{cause, escaped};

/// It cannot wait for signals or children.
pub(crate) fn cannot_stay(error: Errno) {
    notice(&format!("cannot stay in the foreground: {}", cause(error)));
}

/// It does not become the parent of what the daemon leaves.
pub(crate) fn no_orphans(error: Errno) {
    notice(&format!(
        "not the parent of orphans: {}; how a daemon ends that puts itself into the background is not seen",
        cause(error)
    ));
}

/// Where the links to recorded pidfiles will be cannot be watched.
pub(crate) fn learns_nothing(directory: Option<&Path>, error: Errno) {
    let which = directory.map_or_else(|| "the links to recorded pidfiles".to_owned(), escaped);
    notice(&format!(
        "cannot watch {which}: {}; name the daemon's pidfile with -p",
        cause(error)
    ));
}

/// A signal did not reach the process it was meant for.
pub(crate) fn not_passed_on(signal: Signal, pid: i32, error: Errno) {
    notice(&format!(
        "did not pass on {signal} to PID {pid}: {}",
        cause(error)
    ));
}

/// The daemon is dead, and how it ended cannot be learned.
pub(crate) fn unseen_end(pid: i32) {
    notice(&format!(
        "PID {pid} has ended, and only its parent, another process, knows how"
    ));
}
