//! `pidward run`: sweep, guard, preload, and become the command, or stay in the foreground for it.
//!
//! Whatever of pidward's own work cannot be done is said and left undone. The command is started all the same.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use nix::errno::Errno;
use pidward_identity::walk::NoWay;

use super::foreground;
use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::guard::{self, Told};
use crate::known;
use crate::parts;
use crate::place::{NoPlace, Place};
use crate::program::{Program, Unrunnable};
use crate::say;
use crate::sweeper::{Orders, Sweeper};

/// A command that is ready to be started.
pub(super) struct Ready {
    /// As it was typed.
    pub(super) name: OsString,
    pub(super) program: Program,
    /// What it is to inherit.
    pub(super) environment: Environment,
    /// The same without what we have added.
    inherited: Environment,
    /// The named pidfiles that can be looked after.
    pub(super) places: Vec<Place>,
}

impl Ready {
    /// Becomes the command. It comes back only with the reason why not.
    pub(super) fn exec(&self) -> Unrunnable {
        let reason = self.program.exec(&self.environment);
        // There is a limit to each variable, and to all of them.
        let is_too_long = reason == Unrunnable::Refused(Errno::E2BIG);
        if !is_too_long || self.environment == self.inherited {
            return reason;
        }
        say::no_room_to_preload();
        self.program.exec(&self.inherited)
    }
}

/// Comes back only when the command cannot be run, or, from the foreground, when its daemon has ended.
pub(crate) fn run(options: cli::Run, environment: Environment) -> Exit {
    // What a container waits for is its first process; nobody else would reap its orphans.
    if options.foreground || nix::unistd::getpid().as_raw() == 1 {
        return foreground::run(options, environment);
    }
    match prepare(options, environment, Told::Nothing) {
        Ok(ready) => refuse(&ready.name, ready.exec()),
        Err(exit) => exit,
    }
}

/// All that comes before the command. Its guards are told this.
///
/// # Errors
/// With what status to end, when there is nothing to run.
pub(super) fn prepare(
    options: cli::Run,
    mut environment: Environment,
    told: Told,
) -> Result<Ready, Exit> {
    let name = options.command.first().cloned().unwrap_or_default();
    // Before a guard is started for what will never write a pidfile.
    let program =
        Program::find(options.command, &environment).map_err(|reason| refuse(&name, reason))?;
    let guard = wants_guards(&environment).then(|| parts::guard(&environment));
    let places: Vec<Place> = options
        .pidfiles
        .iter()
        .filter_map(|it| accept(it))
        .collect();
    sweep(&places, &environment);
    let inherited = environment.clone();
    for place in &places {
        if let Some(guard) = &guard
            && let Err(error) = guard::start(guard, place.c_path(), told, &environment)
        {
            say::no_guard(&place.path, guard, error);
        }
        if !options.no_preload && environment.name_pidfile(&place.path).is_err() {
            say::cannot_be_named(&place.path);
        }
    }
    if !options.no_preload {
        preload(&mut environment);
    }
    Ok(Ready {
        name,
        program,
        environment,
        inherited,
        places,
    })
}

/// Says why the command does not run.
pub(super) fn refuse(command: &OsStr, reason: Unrunnable) -> Exit {
    say::cannot_run(command.as_ref(), reason);
    match reason {
        Unrunnable::NotFound | Unrunnable::NoInterpreter => Exit::NotFound,
        Unrunnable::Directory | Unrunnable::Binary | Unrunnable::Refused(_) => Exit::NotExecutable,
    }
}

/// `PIDWARD_GUARD=off` is the user's word that he wants none.
fn wants_guards(environment: &Environment) -> bool {
    environment
        .get_unless_secure("PIDWARD_GUARD")
        .is_none_or(|word| word != "off")
}

/// The place of a pidfile that can be looked after; says why when it cannot.
fn accept(path: &Path) -> Option<Place> {
    let refused = match Place::of(path) {
        Err(NoPlace::Directory) => say::Refused::Directory,
        Err(NoPlace::NoCurrentDirectory(error)) => say::Refused::NoCurrentDirectory(error),
        Ok(place) => match obstacle(&place) {
            None => return Some(place),
            Some(obstacle) => obstacle,
        },
    };
    say::not_looked_after(path, &refused);
    None
}

/// What keeps this path from being a pidfile's.
pub(crate) fn obstacle(place: &Place) -> Option<say::Refused> {
    let pidfile = match place.open() {
        Ok(pidfile) => pidfile,
        Err(NoWay::Refused(error)) => {
            return Some(say::Refused::InDirectory(place.directory().into(), error));
        }
        Err(NoWay::Link(uid)) => return Some(say::Refused::BehindLink(uid)),
    };
    // Without a name for the record there is no guard.
    if pidfile.record_name().is_none() {
        return Some(say::Refused::TooLong);
    }
    let kind = std::fs::symlink_metadata(&place.path).ok()?.file_type();
    if kind.is_dir() {
        Some(say::Refused::Directory)
    } else if kind.is_symlink() {
        Some(say::Refused::SymbolicLink)
    } else if !kind.is_file() {
        Some(say::Refused::NotRegular)
    } else {
        None
    }
}

/// Removes the named pidfiles that are proven stale, and those that guards have recorded.
fn sweep(places: &[Place], environment: &Environment) {
    let orders = Orders {
        before_start: true,
        ..Orders::default()
    };
    let mut sweeper = Sweeper::new(environment, orders, say::sweep::Notices::new(environment));
    for place in places {
        sweeper.place(place, true);
    }
    for path in known::pidfiles(environment) {
        let Ok(place) = Place::of(&path) else {
            continue;
        };
        if !places.iter().any(|named| named.path == place.path) {
            sweeper.place(&place, false);
        }
    }
}

fn preload(environment: &mut Environment) {
    match parts::library() {
        Ok(library) => {
            if environment.preload(&library).is_err() {
                say::cannot_be_preloaded(&library);
            }
        }
        Err(unusable) => say::no_library(&unusable),
    }
}
