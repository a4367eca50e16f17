//! What a sweep has done: a line each, or the same as JSON, as it goes; before a daemon's start, a notice.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use pidward_identity::pidfile::{of_aside as of_aside_name, of_record};
use pidward_identity::remove::Kept;
use pidward_identity::verdict::Class;

use super::journal::Journal;
use super::progress::Progress;
use super::text::{cause_of, escaped};
use super::{json, notice, to_stdout, verdict, why_kept};
use crate::cli;
use crate::environment::Environment;
use crate::finding::Finding;
use crate::sweeper::{Fate, Report, What};
use crate::write::unharmed;

/// Tells of a sweep that the user has asked for.
pub(crate) struct Answer {
    json: bool,
    dry_run: bool,
    quiet: bool,
    /// Nothing was said yet.
    is_first: bool,
    /// Standard output takes nothing any more, which was said. The sweep goes on.
    is_broken: bool,
    /// Where standard output leads, if it does.
    journal: Option<Journal>,
    /// For a user who waits.
    pub(crate) progress: Option<Progress>,
}

/// An answer's words.
pub(super) struct Words {
    /// `removed`, `would remove`, `put back`, `would put back`, `left`, `missing`.
    pub(super) action: &'static str,
    /// What it was that was removed or not.
    pub(super) what: &'static str,
    /// Its path.
    pub(super) path: PathBuf,
    /// The pidfile that it is, or belongs to.
    pub(super) pidfile: PathBuf,
    /// Why.
    pub(super) message: String,
}

impl Answer {
    /// Nothing was said yet.
    pub(crate) fn new(
        options: &cli::Sweep,
        progress: Option<Progress>,
        environment: &Environment,
    ) -> Self {
        Self {
            json: options.json,
            dry_run: options.dry_run,
            quiet: options.quiet,
            journal: Journal::behind(io::stdout(), environment),
            is_first: true,
            is_broken: false,
            progress,
        }
    }

    /// All was said.
    ///
    /// # Errors
    /// When standard output did not take it; that has been said.
    pub(crate) fn end(mut self) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.json {
            let end = if self.is_first { "[]\n" } else { "\n]\n" };
            self.put(end);
        }
        match self.is_broken {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }

    fn put(&mut self, text: &str) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if !self.is_broken {
            self.is_broken = unharmed(|| to_stdout(text)).is_err();
        }
    }
}

impl Report for Answer {
    fn tell(&mut self, what: &What<'_>, fate: &Fate) {
        if self.quiet && matches!(fate, Fate::Left(None) | Fate::Missing) {
            return;
        }
        let words = words(what, fate, self.dry_run);
        let finding = match what {
            What::Pidfile(finding) | What::Aside(finding) => Some(*finding),
            What::Record(_) | What::Link(_) => None,
        };
        if !self.json {
            let Words {
                action, message, ..
            } = &words;
            let line = format!("{action}  {}  {message}", escaped(&words.path));
            return match tell_journal(&mut self.journal, &line, &words.pidfile, finding) {
                true => {}
                false => self.put(&format!("{line}\n")),
            };
        }
        let begin = if self.is_first { "[\n" } else { ",\n" };
        self.is_first = false;
        match json::swept(&words, finding) {
            Ok(object) => self.put(&format!("{begin}{object}")),
            Err(error) => notice(&format!("cannot write the answer: {}", cause_of(&error))),
        }
    }
}

/// Tells the journal a line, with `PIDFILE=` and `VERDICT=`. `false` when there is none that takes it; what follows does not wait
/// for it again.
fn tell_journal(
    journal: &mut Option<Journal>,
    line: &str,
    pidfile: &Path,
    finding: Option<&Finding>,
) -> bool {
    let Some(open) = journal else {
        return false;
    };
    let pidfile = escaped(pidfile);
    let verdict = finding.map(|it| ("VERDICT", it.reason.name()));
    let fields: Vec<(&str, &str)> = [Some(("PIDFILE", pidfile.as_str())), verdict]
        .into_iter()
        .flatten()
        .collect();
    let is_told = open.tell(line, &fields).is_ok();
    if !is_told {
        *journal = None;
    }
    is_told
}

/// Tells of a sweep before a daemon's start: only of what was removed, and of what should have been.
pub(crate) struct Notices {
    /// Where standard error leads, if it does.
    journal: Option<Journal>,
}

impl Notices {
    /// Nothing was said yet.
    pub(crate) fn new(environment: &Environment) -> Self {
        Self {
            journal: Journal::behind(io::stderr(), environment),
        }
    }
}

impl Report for Notices {
    fn tell(&mut self, what: &What<'_>, fate: &Fate) {
        let is_stale = match what {
            What::Pidfile(finding) | What::Aside(finding) => finding.reason.class() == Class::Stale,
            What::Record(_) | What::Link(_) => false,
        };
        match (what, fate) {
            (_, Fate::Left(None) | Fate::Missing | Fate::LinkLeft(_)) => {}
            // It has become a new instance's.
            (_, Fate::Left(Some(Kept::Missing))) => {}
            // A record beside no pidfile means nothing.
            (What::Record(_) | What::Link(_), _) => {}
            (What::Pidfile(finding), Fate::Left(Some(kept))) if is_stale => {
                super::left(finding, *kept);
            }
            (What::Pidfile(finding) | What::Aside(finding), _) => {
                let words = words(what, fate, false);
                let line = format!(
                    "{} {}: {}",
                    words.action,
                    escaped(&words.path),
                    words.message
                );
                if !tell_journal(&mut self.journal, &line, &words.pidfile, Some(finding)) {
                    notice(&line);
                }
            }
        }
    }
}

fn words(what: &What<'_>, fate: &Fate, dry_run: bool) -> Words {
    let action = match (fate, dry_run) {
        (Fate::Removed, false) => "removed",
        (Fate::Removed, true) => "would remove",
        (Fate::PutBack, false) => "put back",
        (Fate::PutBack, true) => "would put back",
        (Fate::Left(_) | Fate::LinkLeft(_), _) => "left",
        (Fate::Missing, _) => "missing",
    };
    let (kind, path, message) = match what {
        What::Pidfile(finding) => ("pidfile", finding.path.clone(), of_pidfile(finding, fate)),
        What::Aside(finding) => ("aside", finding.path.clone(), of_aside(finding, fate)),
        What::Record(path) => {
            let message = format!("a record beside no pidfile{} (orphan)", obstacle(fate));
            ("record", path.to_path_buf(), message)
        }
        What::Link(link) => {
            let (pidfile, why) = (escaped(&link.pidfile), obstacle(fate));
            let message = format!("a link to {pidfile}, which is no more{why} (dangling)");
            ("link", link.link.clone(), message)
        }
    };
    Words {
        action,
        what: kind,
        pidfile: match what {
            What::Link(link) => link.pidfile.clone(),
            What::Aside(_) => renamed(&path, of_aside_name),
            What::Record(_) => renamed(&path, of_record),
            What::Pidfile(_) => path.clone(),
        },
        path,
        message,
    }
}

/// The pidfile beside it, whose name is made of its own.
fn renamed(path: &Path, pidfile: fn(&[u8]) -> Option<&[u8]>) -> PathBuf {
    let name = path.file_name().and_then(|name| pidfile(name.as_bytes()));
    name.map_or_else(
        || path.to_owned(),
        |name| path.with_file_name(OsStr::from_bytes(name)),
    )
}

/// What stands against a removal, to go on with after the facts.
fn obstacle(fate: &Fate) -> String {
    match fate {
        Fate::Left(Some(kept)) => format!("; {}", why_kept(*kept)),
        Fate::LinkLeft(error) => format!("; {}", cause_of(error)),
        Fate::Removed | Fate::PutBack | Fate::Left(None) | Fate::Missing => String::new(),
    }
}

fn of_pidfile(finding: &Finding, fate: &Fate) -> String {
    verdict::text_but(finding, &obstacle(fate))
}

fn of_aside(finding: &Finding, fate: &Fate) -> String {
    let is_stale = finding.reason.class() == Class::Stale;
    let but = if matches!(fate, Fate::Removed) && !is_stale {
        "; another has its name by now".to_owned()
    } else {
        obstacle(fate)
    };
    format!(
        "an interrupted removal's; {}",
        verdict::text_but(finding, &but)
    )
}
