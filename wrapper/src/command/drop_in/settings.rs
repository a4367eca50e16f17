//! A drop-in for a service that an init script starts: lines in the file of settings that the script sources, which have the
//! daemon preload the library.

use std::io;
use std::path::{Path, PathBuf};

use super::block;
use super::script::Script;
use crate::cli;
use crate::exit::Exit;
use crate::parts;
use crate::say::init_script as say;

/// Where init scripts are.
const SCRIPTS: &str = "/etc/init.d";

/// The file for the lines.
#[derive(Debug)]
pub(super) struct Settings {
    /// None when the script sources none that is its own.
    pub(super) file: Option<PathBuf>,
    pub(super) warnings: Vec<Warning>,
}

/// What takes a line of defence away, or may.
#[derive(Debug)]
pub(crate) enum Warning {
    /// This line of the script does not hand LD_PRELOAD on, and the library is named there.
    Clears(usize, String),
    /// Settings of more than this service are in the file.
    Shared(PathBuf),
    /// systemd starts the services here.
    Systemd,
}

/// Why there is no drop-in.
#[derive(Debug)]
pub(crate) enum NoDropIn {
    /// It is no name of a service.
    BadName,
    /// There is no such script.
    NoScript(PathBuf),
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is one of OpenRC's own.
    OfOpenrc,
    /// It is none of OpenRC's own.
    NotOfOpenrc,
}

/// Prints, installs or removes the lines in the file that `settings` finds for the script.
pub(super) fn drop_in(
    options: &cli::DropIn,
    kind: &str,
    settings: fn(&str, &Script) -> Result<Settings, NoDropIn>,
) -> Exit {
    let name = options.name.as_str();
    let found = script(name).and_then(|script| Ok((settings(name, &script)?, script)));
    let (Settings { file, warnings }, script) = match found {
        Ok(found) => found,
        Err(why) => return say::no_drop_in(name, &why),
    };
    let place = Path::new(SCRIPTS).join(name);
    let own = std::env::current_exe().ok();
    let startas = own.as_deref().filter(|_| script.goes_by_executable);
    let remover = format!("pidward drop-in {kind} {name} --remove");
    if options.remove {
        return match &file {
            Some(file) => say::removed(file, &place, block::remove(file)),
            None => say::nowhere(&place, startas),
        };
    }
    let library = match parts::library() {
        Ok(library) => library,
        Err(unusable) => return say::no_library(&unusable),
    };
    let Some(lines) = lines(&library) else {
        return say::no_path(&library);
    };
    for warning in &warnings {
        say::warn(name, warning);
    }
    // What is not for us to read is said when it is to be written.
    let obstacle = file.as_deref().map(block::obstacle);
    if let (Some(file), Some(Ok(Some(obstacle)))) = (&file, obstacle) {
        let refused = say::ineffective(file, &obstacle);
        if options.install {
            return refused;
        }
    }
    match (&file, options.install) {
        (Some(file), true) => say::installed(file, &place, block::install(file, &remover, &lines)),
        (None, true) => say::nowhere(&place, startas),
        (Some(file), false) => say::print(Some(file), &block::text(&remover, &lines)),
        (None, false) => {
            say::nowhere(&place, startas);
            say::print(None, &lines)
        }
    }
}

fn script(name: &str) -> Result<Script, NoDropIn> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "._@+-".contains(it);
    if name.is_empty() || name.starts_with(['.', '-']) || !name.chars().all(is_plain) {
        return Err(NoDropIn::BadName);
    }
    let path = Path::new(SCRIPTS).join(name);
    Script::read(&path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            NoDropIn::NoScript(path)
        } else {
            NoDropIn::Unreadable(path, error)
        }
    })
}

/// What has whatever the script starts preload the library, behind nothing and before what is preloaded already. They do
/// nothing where the library is gone, and do not mind `set -eu`. None for a path that LD_PRELOAD or the shell has other
/// ideas of.
///
/// The file may be read by systemd as well, as `EnvironmentFile=`: there no variable is expanded, and `export` is no
/// assignment, so it is ignored.
fn lines(library: &Path) -> Option<String> {
    let library = library.to_str()?;
    let is_plain = |it: char| it.is_alphanumeric() || "/._@+,~-".contains(it);
    if !library.chars().all(is_plain) {
        return None;
    }
    Some(format!(
        "if [ -e {library} ]; then\n    export LD_PRELOAD=\"{library}${{LD_PRELOAD:+:$LD_PRELOAD}}\"\nfi\n"
    ))
}
