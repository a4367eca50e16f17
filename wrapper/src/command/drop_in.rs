//! `pidward drop-in`: how a service that is there already is started with pidward, for its init system; printed, or installed.

mod systemd;
mod sysv;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::parts;
use crate::say;
use crate::unit::{OWN, Unit};

pub(crate) use systemd::Warning;
use systemd::{DropIn, Parts};
pub(crate) use sysv::NoScript;

/// The first words of each file that we write: no other is overwritten or removed.
const FIRST: &str = "# Written by \"pidward drop-in";

/// Where the administrator's drop-ins are.
const PLACE: &str = "/etc/systemd/system";

/// Prints it, writes it, or removes what was written.
pub(crate) fn drop_in(options: &cli::DropIn, environment: &Environment) -> Exit {
    match options.kind {
        cli::Kind::Systemd => of_systemd(options, environment),
        cli::Kind::Sysv => of_sysv(options),
    }
}

fn of_sysv(options: &cli::DropIn) -> Exit {
    let file = match sysv::settings(&options.name) {
        Ok(file) => file,
        Err(why) => return say::drop_in::no_script(&options.name, &why),
    };
    let library = match parts::library() {
        Ok(library) => library,
        Err(unusable) => return say::drop_in::no_library(&unusable),
    };
    let lines = sysv::lines(&library);
    if !options.install && !options.remove {
        say::drop_in::belongs_to(&file);
        return say::drop_in::print(&lines);
    }
    let old = match fs::read_to_string(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return say::drop_in::not_installed(&file, &Refused::Failed(error));
        }
        old => old.unwrap_or_default(),
    };
    let new = if options.install {
        sysv::with_ours(&old, &lines)
    } else {
        sysv::without_ours(&old)
    };
    match rewrite(&file, &new) {
        Ok(()) => say::drop_in::rewrote(&file, &options.name, options.install),
        Err(error) => say::drop_in::not_installed(&file, &Refused::Failed(error)),
    }
}

/// Puts another text in the place of a file's, as a whole or not at all; of the same user and mode. One that is left empty is
/// removed.
fn rewrite(file: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    if text.is_empty() {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let new = file.with_extension(format!("pidward-{}", std::process::id()));
    let written = fs::write(&new, text).and_then(|()| {
        if let Ok(old) = fs::metadata(file) {
            fs::set_permissions(&new, old.permissions())?;
            chown(&new, Some(old.uid()), Some(old.gid()))?;
        }
        fs::rename(&new, file)
    });
    written.inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

fn of_systemd(options: &cli::DropIn, environment: &Environment) -> Exit {
    let unit = match Unit::load(&options.name) {
        Ok(unit) => unit,
        Err(why) => return say::drop_in::no_unit(&options.name, &why),
    };
    let file = Path::new(PLACE).join(format!("{}.d", unit.name)).join(OWN);
    if options.remove {
        return match remove(&file) {
            Ok(()) => say::drop_in::removed(&file, &unit.name),
            Err(why) => say::drop_in::not_removed(&file, &why),
        };
    }
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
    let Some(directory) = file.parent() else {
        return Err(Refused::Missing);
    };
    fs::create_dir_all(directory).map_err(Refused::Failed)?;
    let new: PathBuf = directory.join(format!(".{OWN}.{}", std::process::id()));
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, file));
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        Refused::Failed(error)
    })
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

fn is_ours(file: &Path) -> Result<bool, Refused> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.starts_with(FIRST)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Refused::Missing),
        Err(error) => Err(Refused::Failed(error)),
    }
}
