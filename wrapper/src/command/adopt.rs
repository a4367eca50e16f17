//! `pidward adopt`: records and guards daemons that already run, with pidfiles of their own.

use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
use pidward_identity::evidence::Question;
use pidward_identity::lock;
use pidward_identity::pid::Pid;
use pidward_identity::pidfile::Pidfile;
use pidward_identity::verdict::Reason;

use crate::changes;
use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::finding::{Finding, Looked, question};
use crate::guard;
use crate::named::Named;
use crate::parts;
use crate::place::Place;
use crate::say;
use crate::say::deed;
use crate::say::refusal::{self, Act};

/// What a guard needs to write a record, and more.
const GUARDS_TIME: Duration = Duration::from_secs(5);

/// Adopts each of them, and ends with the highest of their statuses.
pub(crate) fn adopt(options: &cli::Adopt, environment: &Environment) -> Exit {
    let named = Named::of(&options.pidfiles);
    let question = question(environment, true);
    let each = named
        .places()
        .map(|place| adopt_one(place, question, options.unverified, environment));
    each.chain([named.exit]).max().unwrap_or(Exit::Success)
}

fn adopt_one(
    place: &Place,
    question: Question,
    unverified: bool,
    environment: &Environment,
) -> Exit {
    let looked = Looked::at(place, question);
    let finding = &looked.finding;
    if let Err(exit) = refusal::owner_to(Act::Adopt, &looked, unverified) {
        return exit;
    }
    let (Some(pidfile), Some(pid)) = (&looked.pidfile, finding.pid()) else {
        return Exit::Unknown;
    };
    if lock::is_guarded(pidfile) && finding.record.is_some() {
        return deed::adopted(finding, true);
    }
    if let Err(error) = may_write(pidfile) {
        return refusal::cannot_record(finding, error);
    }
    let executable = parts::guard(environment);
    let vouched = needs_a_word(finding).then_some(pid);
    if let Err(error) = guard::start(&executable, place.c_path(), vouched, environment) {
        say::no_guard(&place.path, &executable, error);
        return Exit::Failed;
    }
    match changes::until(pidfile, GUARDS_TIME, || {
        recorded(place, question, pid).filter(|_| lock::is_guarded(pidfile))
    }) {
        Some(recorded) => deed::adopted(&recorded, false),
        None => refusal::not_recorded(finding),
    }
}

/// Whether there can be a record beside the pidfile, as far as that can be told without writing one.
fn may_write(pidfile: &Pidfile<'_>) -> Result<(), Errno> {
    let directory = changes::entry(pidfile);
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    faccessat(AT_FDCWD, directory.as_str(), rights, AtFlags::AT_EACCESS)
}

/// Whether the guard would not believe the pidfile without the user's word.
fn needs_a_word(finding: &Finding) -> bool {
    matches!(finding.reason, Reason::Suspect | Reason::Untrusted)
}

/// The pidfile with its record, once there is one of this process.
fn recorded(place: &Place, question: Question, pid: Pid) -> Option<Finding> {
    let finding = Looked::at(place, question).finding;
    (finding.pid() == Some(pid) && finding.record.is_some()).then_some(finding)
}
