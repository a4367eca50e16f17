//! `pidward signal`: a signal for the daemons behind pidfiles, and for no other process.

use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::finding::{Looked, question};
use crate::named::Named;
use crate::say;
use crate::say::deed;
use crate::say::refusal::{self, Act};

/// Signals each of them, and ends with the highest of their statuses.
pub(crate) fn signal(options: &cli::Signal, environment: &Environment) -> Exit {
    let named = Named::of(&options.pidfiles);
    let each = named
        .look(question(environment, true))
        .map(|looked| signal_one(&looked, options));
    each.chain([named.exit]).max().unwrap_or(Exit::Success)
}

fn signal_one(looked: &Looked<'_>, options: &cli::Signal) -> Exit {
    let owner = match refusal::owner_to(Act::Signal, looked, options.unverified) {
        Ok(owner) => owner,
        Err(exit) => return exit,
    };
    say::without_pidfd(&looked.finding, owner);
    match owner.signal(options.signal) {
        Ok(()) => deed::signalled(&looked.finding, options.signal),
        Err(error) => refusal::not_signalled(&looked.finding, options.signal, error),
    }
}
