//! Is a system call of our own safe here? Under a seccomp filter, seccomp(2), it may end the process: then
//! none is made, and the guard does the work.

use pidward_identity::proc_stat::{numbers, value};
use pidward_identity::read;
use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags};

use crate::atomic::{AtomicU8, Ordering};
use crate::{memory, settle};

// What is known only grows.
const UNKNOWN: u8 = 0;
const FREE: u8 = 1;
const FILTERED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether this process is under a filter that it inherited, or set since by a function that we hook.
///
/// The first call, when a pidfile was just made, asks /proc: with openat, read and close, which a program
/// that has just opened a file to write it has most likely been allowed. prctl(2) would be shorter and is not.
pub(crate) fn filtered() -> bool {
    match STATE.load(Ordering::Relaxed) {
        UNKNOWN => {
            // What is not kept is asked again. What cannot be asked may be a filter.
            let Some(filtered) = inherited() else {
                return true;
            };
            if !filtered && memory::is_borrowed() {
                return false;
            }
            // Another thread may have set a filter since, which this one is not under: that counts.
            let state = if filtered { FILTERED } else { FREE };
            STATE.fetch_max(state, Ordering::Relaxed).max(state) == FILTERED
        }
        state => state == FILTERED,
    }
}

/// Out of line: its buffer is not to be on the stack of a stand-in, which knows already.
#[cold]
#[inline(never)]
fn inherited() -> Option<bool> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let status = rustix::fs::openat(CWD, c"/proc/thread-self/status", flags, Mode::empty()).ok()?;
    // The groups alone may be longer than a page.
    let mut mode = None;
    read::lines::<512>(status.as_fd(), |line| {
        mode = value(line, "Seccomp").and_then(|line| numbers(line).next());
        mode.is_none()
    })
    .ok()?;
    mode.map(|mode| mode != 0)
}

/// The program is about to set a filter.
pub(crate) struct Filter {
    had_stand_ins: bool,
}

/// Takes the stand-ins away while system calls of our own are still allowed.
pub(crate) fn before_filter() -> Filter {
    Filter {
        had_stand_ins: settle::withdraw_stand_ins(),
    }
}

impl Filter {
    /// The program has set it, or has not been let. A child in its parent's memory writes that into it all the same:
    /// nothing else could keep the child from system calls at its exit. The parent's pidfile is then its guard's.
    pub(crate) fn was_set(self, success: bool) {
        if success {
            STATE.fetch_max(FILTERED, Ordering::Relaxed);
        } else if self.had_stand_ins {
            settle::put_stand_ins();
        }
    }
}
