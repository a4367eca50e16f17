//! `pidward status`: what pidfiles mean. Changes nothing.

use pidward_identity::verdict::Reason;

use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::find::Search;
use crate::finding::{Looked, question};
use crate::say;

/// Looks at each pidfile once, says what it is, and ends with the highest of their statuses.
pub(crate) fn status(options: &cli::Status, environment: &Environment) -> Exit {
    let search = if options.paths.is_empty() {
        Search::usual(environment)
    } else {
        Search::named(&options.paths)
    };
    let mut findings = Vec::new();
    for found in &search.found {
        let question = question(environment, found.named);
        let finding = Looked::at(&found.place, question).finding;
        // A file that was listed and has gone meanwhile, or a link to a recorded one that is no more.
        if found.named || finding.reason != Reason::Missing {
            findings.push(finding);
        }
    }
    say::hidden(&search.hidden);
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
