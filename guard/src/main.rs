//! `pidward-guard PIDFILE`: waits for the death of the process that a pidfile names, and removes the pidfile.
//!
//! One small process a daemon: static, without a libc, one thread, no heap, a few pages. In the order of the
//! flow, pidfile seen -> guard started -> record -> watch -> death -> remove:
//!
//! - [`start`], [`mem`]: what a libc would do before `main`, and for the compiler
//! - [`arguments`]: what it was told
//! - [`detach`]: leaves behind what it inherited
//! - [`guard`]: the only one for its pidfile, from locking the record to leaving
//! - [`life`]: what it waits for, one thing after the other
//! - [`patience`], [`cgroup`]: how long it waits for a pidfile that may never come
//! - [`watch`]: wakes it when something happens to the pidfile
//! - [`hand_over`]: whose the pidfile is now
//! - [`record`], [`known`]: what it leaves for others to read
//! - [`death`]: what the log is told, by [`syslog`], in a [`line`]
#![no_std]
#![no_main]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod arguments;
mod cgroup;
mod death;
mod detach;
mod guard;
mod hand_over;
mod known;
mod life;
mod line;
mod mem;
mod patience;
mod record;
mod rest;
mod start;
mod state;
mod strlen;
mod syslog;
mod tally;
mod watch;

use pidward_identity::pidfd::PidFd;
use pidward_identity::pidfile::Pidfile;
use pidward_identity::walk::NoWay;
use rustix::io::Errno;
use rustix::time::ClockId;

use crate::arguments::{Arguments, Environment, Request};
use crate::guard::Guard;
use crate::watch::Watch;

/// Runs to the end and gives the exit status: 0, also when another guard is at work; 1 when the pidfile cannot
/// be guarded, which the log is told; 2 for a usage error.
fn main(arguments: Arguments, environment: Environment) -> u8 {
    let request = match arguments.request() {
        Ok(request) => request,
        Err(status) => return status,
    };
    let writer = detach::close_all_but_writer();
    detach::leave_the_starter();
    match guard(request, environment, writer) {
        Ok(()) => 0,
        Err(error) => {
            death::say_unguarded(request.path, error);
            1
        }
    }
}

fn guard(request: Request, environment: Environment, writer: Option<PidFd>) -> Result<(), Errno> {
    let guard = Guard {
        request,
        environment,
        pidfile: Pidfile::at(request.path).map_err(|no_way| match no_way {
            NoWay::Refused(error) => error,
            // A symbolic link that might lead elsewhere next time.
            NoWay::Link(_) => Errno::LOOP,
        })?,
        watch: Watch::default(),
        // Who renames a pidfile into place starts the guard after that.
        started: rustix::time::clock_gettime(ClockId::Realtime).tv_sec - 2,
    };
    guard.live(writer)
}
