//! The links to recorded pidfiles: they tell of those that lie outside /run.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// Where root's guards leave their links.
const OF_ROOT: &str = "/var/lib/pidward/known";

/// The pidfiles that guards have recorded: root's, and the caller's own.
pub(crate) fn pidfiles(environment: &Environment) -> Vec<PathBuf> {
    let mut pidfiles: Vec<PathBuf> = [Some(PathBuf::from(OF_ROOT)), of_caller(environment)]
        .into_iter()
        .flatten()
        .flat_map(|directory| links(&directory))
        .collect();
    pidfiles.sort();
    pidfiles
}

/// Where guards that run with our rights leave their links; made if it is not there yet, where we may.
pub(crate) fn directory(environment: &Environment) -> Option<PathBuf> {
    let (directory, mode) = match of_caller(environment) {
        // Only we are to see it, says the XDG Base Directory Specification.
        Some(own) => (own, 0o700),
        None if nix::unistd::geteuid().is_root() => (PathBuf::from(OF_ROOT), 0o755),
        None => return None,
    };
    // Where that fails, so does watching it, which is said.
    let _ = DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(&directory);
    Some(directory)
}

/// Where the guards of a user other than root leave theirs.
fn of_caller(environment: &Environment) -> Option<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return None;
    }
    let absolute = |name| {
        environment
            .get(name)
            .map(Path::new)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").map(Path::to_owned);
    let state = state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("pidward/known"))
}

/// What the links in the directory lead to. A directory that is not there, or not for us to read, has none.
pub(crate) fn links(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|target| target.is_absolute())
        .collect()
}
