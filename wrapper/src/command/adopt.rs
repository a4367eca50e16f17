//! `pidward adopt`: records and guards daemons that already run, with pidfiles of their own.

use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::statvfs::{Statvfs, statvfs};
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
use crate::guard::{self, Told};
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
    let owner = match refusal::owner_to(Act::Adopt, &looked, unverified) {
        Ok(owner) => owner,
        Err(exit) => return exit,
    };
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
    let told = Told::ToAdopt(needs_a_word(finding).then_some(pid));
    if let Err(error) = guard::start(&executable, place.c_path(), told, environment) {
        say::no_guard(&place.path, &executable, error);
        return Exit::Failed;
    }
    let then = changes::until(pidfile, GUARDS_TIME, || {
        let now = Looked::at(place, question).finding;
        let is_done = now.pid() == Some(pid) && now.record.is_some() && lock::is_guarded(pidfile);
        (is_done || means_another(&now, pid) || owner.is_dead()).then_some(now)
    });
    match then {
        _ if owner.is_dead() => refusal::has_ended(finding),
        Some(now) if means_another(&now, pid) => refusal::changed(&now),
        Some(now) => deed::adopted(&now, false),
        None => refusal::not_recorded(finding, has_no_room(pidfile)),
    }
}

/// Whether the pidfile has come to name another process, or is not to be looked at any more.
fn means_another(now: &Finding, pid: Pid) -> bool {
    match now.pid() {
        Some(now) => now != pid,
        // Being rewritten it names none, for a moment.
        None => now.reason == Reason::Untrusted,
    }
}

/// Whether there can be a record beside the pidfile, as far as that can be told without writing one.
fn may_write(pidfile: &Pidfile<'_>) -> Result<(), Errno> {
    if pidfile.record_name().is_none() {
        return Err(Errno::ENAMETOOLONG);
    }
    let directory = changes::entry(pidfile);
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    faccessat(AT_FDCWD, directory.as_str(), rights, AtFlags::AT_EACCESS)
}

/// Whether the file system has no room for another file. One that counts none of either has no limit to it.
fn has_no_room(pidfile: &Pidfile<'_>) -> bool {
    let is_full = |it: Statvfs| {
        (it.blocks() > 0 && it.blocks_available() == 0) || (it.files() > 0 && it.files_free() == 0)
    };
    statvfs(changes::entry(pidfile).as_str()).is_ok_and(is_full)
}

/// Whether the guard would not believe the pidfile without the user's word.
fn needs_a_word(finding: &Finding) -> bool {
    matches!(finding.reason, Reason::Suspect | Reason::Untrusted)
}
