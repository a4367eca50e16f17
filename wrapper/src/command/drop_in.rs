//! `pidward drop-in`: how a service that is there already is started with pidward, for its init system; printed, or installed.

mod block;
mod ending;
mod openrc;
mod script;
mod settings;
mod systemd;
mod sysv;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::parts;
use crate::regular;
use crate::say;
use crate::unit::{self, OWN, Unit};

pub(crate) use block::{Done, Refused as BlockRefused};
pub(crate) use ending::Obstacle;
pub(crate) use settings::{NoDropIn, Warning as ScriptWarning};
pub(crate) use systemd::Warning;
use systemd::{DropIn, Parts};

/// The first words of each file that we write: no other is overwritten or removed.
const FIRST: &str = "# Written by \"pidward drop-in";

/// Where the administrator's drop-ins are.
const PLACE: &str = "/etc/systemd/system";

/// Prints it, writes it, or removes what was written.
pub(crate) fn drop_in(options: &cli::DropIn, environment: &Environment) -> Exit {
    match options.kind {
        cli::Kind::Systemd => of_systemd(options, environment),
        cli::Kind::Sysv => settings::drop_in(options, "sysv", sysv::settings),
        cli::Kind::Openrc => settings::drop_in(options, "openrc", openrc::settings),
    }
}

/// What of a unit's settings takes a line of defence away.
pub(crate) fn taken_away(unit: &Unit, environment: &Environment) -> Vec<Warning> {
    let parts = Parts {
        pidward: std::env::current_exe().unwrap_or_default(),
        library: parts::library().unwrap_or_default(),
        guard: parts::guard(environment),
    };
    systemd::of(unit, &parts, environment).map_or_else(Vec::new, |it| it.warnings)
}

fn of_systemd(options: &cli::DropIn, environment: &Environment) -> Exit {
    let name = match unit::full_name(&options.name) {
        Ok(name) => name,
        Err(why) => return say::drop_in::no_unit(&options.name, &why),
    };
    let file = Path::new(PLACE).join(format!("{name}.d")).join(OWN);
    let unit = Unit::load(&name);
    if options.remove {
        return match (remove(&file), unit) {
            // Its package may have taken the unit away before.
            (Ok(()), unit) => say::drop_in::removed(&file, unit.is_ok().then_some(&name)),
            (Err(Refused::Missing), Err(why)) => say::drop_in::no_unit(&options.name, &why),
            (Err(why), _) => say::drop_in::not_removed(&file, &why),
        };
    }
    let unit = match unit {
        Ok(unit) => unit,
        Err(why) => return say::drop_in::no_unit(&options.name, &why),
    };
    let Some(pidward) = std::env::current_exe().ok() else {
        return say::drop_in::no_path();
    };
    let library = match parts::library() {
        Ok(library) => library,
        Err(unusable) => return say::drop_in::no_library(&unusable),
    };
    let parts = Parts {
        pidward,
        library,
        guard: parts::guard(environment),
    };
    let Some(DropIn { text, warnings }) = systemd::of(&unit, &parts, environment) else {
        return say::drop_in::starts_nothing(&unit.name);
    };
    let mut whole = format!("{FIRST} systemd {}\".\n", unit.name);
    for warning in &warnings {
        say::drop_in::warn(&unit.name, warning);
        whole.push_str(&format!("# {}\n", say::drop_in::warning(warning)));
    }
    whole.push_str(&text);
    if !options.install {
        return say::drop_in::print(&whole);
    }
    match install(&file, &whole) {
        Ok(()) => say::drop_in::installed(&file, &unit.name),
        Err(why) => say::drop_in::not_installed(&file, &why),
    }
}

/// Why a file stays as it is.
pub(crate) enum Refused {
    /// It is none of ours.
    NotOurs,
    /// There is none.
    Missing,
    /// The system does not let us.
    Failed(io::Error),
}

/// Writes the file as a whole or not at all, and never over one that is not ours.
fn install(file: &Path, text: &str) -> Result<(), Refused> {
    match is_ours(file) {
        Ok(true) | Err(Refused::Missing) => {}
        Ok(false) => return Err(Refused::NotOurs),
        Err(failed) => return Err(failed),
    }
    block::replace(file, text.as_bytes(), None).map_err(Refused::Failed)
}

/// Removes it, and its directory if nothing else is in it.
fn remove(file: &Path) -> Result<(), Refused> {
    if !is_ours(file)? {
        return Err(Refused::NotOurs);
    }
    fs::remove_file(file).map_err(Refused::Failed)?;
    if let Some(directory) = file.parent() {
        // Somebody else's drop-ins keep it there.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

/// We never make a link. One that somebody made leads to what is his, or is to lead to it one day.
fn is_ours(file: &Path) -> Result<bool, Refused> {
    if file.is_symlink() {
        return Ok(false);
    }
    match regular::read(file) {
        Ok(text) => Ok(text.starts_with(FIRST.as_bytes())),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Refused::Missing),
        Err(error) => Err(Refused::Failed(error)),
    }
}
