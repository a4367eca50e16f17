//! `libpidward.so`: removes a daemon's pidfile at its death, from inside the daemon.
//!
//! It is preloaded into programs that know nothing of it, so nothing in it allocates, blocks, panics, holds a
//! descriptor, or speaks; all of it may run in a signal handler. Where it cannot work it steps aside, and the
//! daemon runs as if it were not there. In the order of the flow:
//!
//! - [`atomic`]: what threads share
//! - [`start`]: what happens when the library is loaded
//! - [`hooks`]: the table of the functions of the C library that we stand in front of, and what each does
//! - [`next`]: the definition behind ours; [`objects`]: who has it
//! - [`errno`]: puts errno back
//! - [`seen`]: is this name a pidfile's? The one state, in atomics
//! - [`paths`]: paths as text
//! - [`wake`]: what happens when a pidfile was seen
//! - [`seccomp`]: is a system call of our own safe here?
//! - [`child`]: a child that the daemon never sees
//! - [`orphans`]: whose are they?
//! - [`guard`]: starts the guard
//! - [`usage`]: what that child has used is none of the daemon's
//! - [`blocked`]: keeps signals away from the calling thread
//! - [`mem`]: what compiled code calls without being asked
//! - [`memory`]: is this the memory of a process that only waits for us?
//! - [`disposition`]: what the daemon believes of a signal
//! - [`kernel`]: what the kernel has
//! - [`settle`]: puts our handlers, and takes them away
//! - [`stand_in`]: our handler; dying of what killed us
//! - [`interrupted`]: dying in a system call at the place where one does
//! - [`stack`]: room for our frames
//! - [`death`]: removes what is this process's
#![no_std]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod atomic;
mod blocked;
mod child;
mod death;
mod disposition;
mod errno;
mod guard;
mod hooks;
#[cfg(target_arch = "x86_64")]
mod interrupted;
mod kernel;
mod mem;
mod memory;
mod next;
mod objects;
mod orphans;
mod paths;
mod seccomp;
mod seen;
mod settle;
mod stack;
mod stand_in;
mod start;
mod usage;
mod wake;

/// Nothing here can panic; should it all the same, the process ends like one that aborts.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    death::trap()
}
