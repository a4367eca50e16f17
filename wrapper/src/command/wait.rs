//! `pidward wait`: until the daemons behind pidfiles are gone. Sends nothing, removes nothing.

use std::time::Instant;

use pidward_identity::verdict::Class;

use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::finding::{Looked, question};
use crate::named::Named;
use crate::say;
use crate::say::deed;
use crate::say::refusal::{self, Act};
use crate::vigil::{self, Awaited, Vigil};

/// Waits for all of them.
pub(crate) fn wait(options: &cli::Wait, environment: &Environment) -> Exit {
    let until = options.timeout.map(vigil::after);
    let named = Named::of(&options.pidfiles);
    let mut exit = named.exit;
    let mut living = Vec::new();
    for looked in named.look(question(environment, true)) {
        match looked.finding.reason.class() {
            Class::Stale | Class::Missing => {}
            Class::Running | Class::Unknown => match refusal::owner_to(Act::Wait, &looked, true) {
                Ok(_) => living.push(looked),
                Err(refused) => exit = exit.max(refused),
            },
        }
    }
    let vigil = match Vigil::begin() {
        Ok(vigil) => vigil,
        Err(error) => return say::cannot_wait(error),
    };
    loop {
        for looked in living.extract_if(.., |looked| is_dead(looked)) {
            if let Some(now) = looked.successor() {
                deed::succeeded(&now);
            }
        }
        if living.is_empty() {
            return exit;
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            deed::still_lives(&living, None);
            return exit.max(Exit::TimedOut);
        }
        let owners = living.iter().filter_map(|looked| looked.owner.as_ref());
        let awaited: Vec<Awaited<'_>> = owners.map(Awaited::Death).collect();
        if let Some(signal) = vigil.wait(&awaited, until) {
            deed::still_lives(&living, Some(signal));
            return Exit::Interrupted(signal);
        }
    }
}

fn is_dead(looked: &Looked<'_>) -> bool {
    looked.owner.as_ref().is_none_or(|owner| owner.is_dead())
}
