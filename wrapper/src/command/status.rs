//! `pidward status`: what pidfiles mean. Changes nothing.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use pidward_identity::pidfile::Pidfile;
use pidward_identity::verdict::Reason;
use pidward_identity::walk::{self, Way};

use crate::around::Remembered;
use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::find::Search;
use crate::finding::{Looked, question};
use crate::guards;
use crate::say;
use crate::tally;

/// The directory that was walked to last: many pidfiles lie in one.
#[derive(Default)]
struct Walked(Option<(PathBuf, Way)>);

impl Walked {
    fn to(&mut self, directory: &Path) -> Option<&Way> {
        if self.0.as_ref().is_none_or(|(path, _)| path != directory) {
            let way = walk::to(directory.as_os_str().as_bytes()).ok()?;
            self.0 = Some((directory.to_owned(), way));
        }
        self.0.as_ref().map(|(_, way)| way)
    }
}

/// Looks at each pidfile once, says what it is, and ends with the highest of their statuses.
pub(crate) fn status(options: &cli::Status, environment: &Environment) -> Exit {
    let search = if options.paths.is_empty() {
        Search::usual(environment)
    } else {
        Search::named(&options.paths)
    };
    let mut findings = Vec::new();
    let mut walked = Walked::default();
    let around = Remembered::default();
    for found in &search.found {
        let question = question(environment, found.named);
        let finding = match walked.to(found.place.directory()) {
            Some(way) => {
                let pidfile = Pidfile::beside(way, found.place.name());
                Looked::of(found.place.path.clone(), pidfile, question, &around).finding
            }
            // Why, that is a verdict too.
            None => Looked::at(&found.place, question).finding,
        };
        // A file that was listed and has gone meanwhile, or a link to a recorded one that is no more.
        if found.named || finding.reason != Reason::Missing {
            findings.push(finding);
        }
    }
    say::hidden(&search.hidden);
    if options.prometheus {
        let removals = tally::all(environment);
        return match say::prometheus::numbers(&findings, guards::count(), &removals) {
            Ok(()) => Exit::Success,
            Err(_) => Exit::Unknown,
        };
    }
    if say::findings(&findings, options.json, environment).is_err() {
        return Exit::Unknown;
    }
    let hidden = search.hidden.iter().filter(|hidden| hidden.named);
    let found = findings.iter().map(|finding| finding.reason.class().into());
    found
        .chain(hidden.map(|_| Exit::Unknown))
        .max()
        .unwrap_or(Exit::Success)
}
