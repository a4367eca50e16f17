//! Where pidward's own files are that outlive it: root's in /var/lib, others' where the XDG Base Directory Specification has the
//! state of programs. Guards look for the same.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::environment::Environment;

const OF_ROOT: &str = "/var/lib/pidward";

/// The directories of this name: root's, and the caller's own.
pub(crate) fn directories(name: &str, environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let all = [Some(PathBuf::from(OF_ROOT)), of_caller(environment)];
    all.into_iter().flatten().map(move |all| all.join(name))
}

/// The one that is written to with our rights; made if it is not there yet, where we may.
pub(crate) fn own(name: &str, environment: &Environment) -> Option<PathBuf> {
    let (directory, mode) = match of_caller(environment) {
        // Only we are to see it, says the XDG Base Directory Specification.
        Some(own) => (own, 0o700),
        None if nix::unistd::geteuid().is_root() => (PathBuf::from(OF_ROOT), 0o755),
        None => return None,
    };
    let directory = directory.join(name);
    // Where that fails, so does what is done with it.
    let _ = DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(&directory);
    Some(directory)
}

/// That of a user other than root.
fn of_caller(environment: &Environment) -> Option<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return None;
    }
    let absolute = |name| {
        environment
            .get_unless_secure(name)
            .map(Path::new)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").map(Path::to_owned);
    let state = state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("pidward"))
}
