//! How many pidfiles were removed, by whom and why: in `removed/` a file `BY.CAUSE` for each, and in it a byte for each removal. To
//! append is atomic, and needs no lock; guards do it too.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use pidward_identity::pidfd::Ending;
use pidward_identity::verdict::{Class, Reason};

use crate::environment::Environment;
use crate::state;
use crate::write::unharmed;

const REMOVED: &str = "removed";

/// Who removed something, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Removal {
    pub(crate) by: String,
    pub(crate) cause: String,
}

/// Counts removals, and writes the numbers down when it goes.
#[derive(Debug)]
pub(crate) struct Tally<'e> {
    by: &'static str,
    environment: &'e Environment,
    counts: BTreeMap<&'static str, usize>,
}

impl<'e> Tally<'e> {
    /// For removals by this command.
    pub(crate) fn new(by: &'static str, environment: &'e Environment) -> Self {
        Self {
            by,
            environment,
            counts: BTreeMap::new(),
        }
    }

    /// Counts one.
    pub(crate) fn count(&mut self, cause: &'static str) {
        *self.counts.entry(cause).or_default() += 1;
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if self.counts.is_empty() {
            return;
        }
        let Some(directory) = state::own(REMOVED, self.environment) else {
            return;
        };
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o644);
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
        for (cause, &count) in &self.counts {
            let file = options.open(directory.join(format!("{}.{cause}", self.by)));
            // Where that is not to be written, they are not counted; each was told.
            let _ = file.and_then(|mut file| unharmed(|| file.write_all(&vec![b'.'; count])));
        }
    }
}

/// All that was counted, of root's and of the caller's own; what could have been, and was not, with 0.
pub(crate) fn all(environment: &Environment) -> BTreeMap<Removal, u64> {
    let guards = Ending::ALL.map(|ending| Removal::new("guard", ending.name()));
    let stale = Reason::ALL
        .into_iter()
        .filter(|it| it.class() == Class::Stale);
    let sweeps = stale.map(|reason| Removal::new("sweep", reason.name()));
    let mut all: BTreeMap<Removal, u64> =
        guards.into_iter().chain(sweeps).map(|it| (it, 0)).collect();
    let directories = state::directories(REMOVED, environment);
    let entries = directories.flat_map(|it| fs::read_dir(it).into_iter().flatten().flatten());
    for entry in entries {
        let name = entry.file_name();
        let removal = name.to_str().and_then(Removal::of_name);
        let file = entry.metadata().ok().filter(|it| it.is_file());
        if let (Some(removal), Some(file)) = (removal, file) {
            *all.entry(removal).or_default() += file.len();
        }
    }
    all
}

impl Removal {
    fn new(by: &str, cause: &str) -> Self {
        Self {
            by: by.to_owned(),
            cause: cause.to_owned(),
        }
    }

    /// Of a file's name, if it is one of ours: small letters, with `-` between them.
    fn of_name(name: &str) -> Option<Self> {
        let is_plain = |it: &str| {
            !it.is_empty()
                && it
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        let (by, cause) = name.split_once('.')?;
        (is_plain(by) && is_plain(cause)).then(|| Self::new(by, cause))
    }
}
