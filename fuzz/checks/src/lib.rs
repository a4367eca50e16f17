//! What holds of every parser, given any bytes.
//!
//! The fuzzers of `fuzz/` hand bytes to a check, and the test `replay` hands it what daemons and kernels write and what the
//! fuzzers have found. A check ends when a promise is broken: it looks for more than a panic of the parser.
//!
//! - [`text`]: what stands in pidfiles and records
//! - [`proc`]: what the kernel writes
//! - [`words`]: what people write

mod proc;
mod text;
mod words;

// Rooms of what cannot be linked: a program and a library that is loaded.
#[path = "../../../shim/src/paths.rs"]
mod paths;
#[path = "../../../wrapper/src/schedule.rs"]
mod schedule_text;
#[path = "../../../wrapper/src/unit/text.rs"]
mod unit_text;

pub use proc::{lines, mountinfo, proc_locks, proc_stat, proc_status};
pub use text::{pid, pidfile, record};
pub use words::{named, schedule, signal, unit};

/// A check of any bytes.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzzer.
pub const CHECKS: [(&str, Check); 12] = [
    ("lines", lines),
    ("mountinfo", mountinfo),
    ("named", named),
    ("pid", pid),
    ("pidfile", pidfile),
    ("proc_locks", proc_locks),
    ("proc_stat", proc_stat),
    ("proc_status", proc_status),
    ("record", record),
    ("schedule", schedule),
    ("signal", signal),
    ("unit", unit),
];

/// Whether the text stands somewhere in these bytes.
fn stands_in(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
