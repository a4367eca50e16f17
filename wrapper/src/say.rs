//! Every sentence that a user sees. Errors and notices of `run` and `status` are here; [`verdict`] says what a pidfile
//! is, [`json`] says the same to programs, [`prometheus`] their numbers; [`deed`] says what was done, [`refusal`] what was not; [`sweep`] both of a sweep, and
//! [`progress`] how far it is, and [`journal`] takes its lines; what `run -f` has to say is in [`foreground`], and of a drop-in for an init script in
//! [`init_script`]; [`doctor`] says what was examined; [`text`] makes paths and times fit for a line.
//!
//! A notice is one line on standard error: what, why, and what it comes to. When nobody can read it, nothing
//! is done about it: a daemon does not stay down because its standard error is closed.

pub(crate) mod deed;
pub(crate) mod doctor;
pub(crate) mod drop_in;
pub(crate) mod foreground;
pub(crate) mod init_script;
pub(crate) mod journal;
mod json;
pub(crate) mod progress;
pub(crate) mod prometheus;
pub(crate) mod refusal;
pub(crate) mod sweep;
mod text;
mod verdict;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use pidward_identity::owner::Owner;
use pidward_identity::remove::Kept;
use pidward_identity::walk::NoWay;

use crate::cli::Answer;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::find::Hidden;
use crate::finding::Finding;
use crate::parts::Unusable;
use crate::program::Unrunnable;
use crate::write::unharmed;
pub(crate) use text::is_hidden;
use text::{cause, cause_of, escaped};

fn notice(sentence: &str) {
    let _ = unharmed(|| writeln!(io::stderr(), "pidward: {sentence}"));
}

/// The same, and in a line of its own what to do about it.
fn advice(sentence: &str, hint: &str) {
    notice(&format!("{sentence}.\n  {hint}"));
}

/// Help is an answer, anything else an error.
pub(crate) fn usage(answer: &Answer) -> Exit {
    match answer {
        Answer::Usage(text) => {
            let _ = write!(io::stderr(), "{text}");
            Exit::Usage
        }
        Answer::Help(text) => match to_stdout(text) {
            Ok(()) => Exit::Success,
            Err(_) => Exit::Unknown,
        },
    }
}

/// Why a path can be none of a pidfile that is to be looked after, or acted on.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is a directory.
    Directory,
    /// It is a symbolic link.
    SymbolicLink,
    /// It is a device, FIFO or socket.
    NotRegular,
    /// Its name leaves no room for the record's.
    TooLong,
    /// This is its directory, and it cannot be opened.
    InDirectory(PathBuf, pidward_identity::Errno),
    /// A symbolic link of this user's is on its path.
    BehindLink(u32),
    /// It is relative to a current directory that has no path.
    NoCurrentDirectory(io::Error),
}

/// A pidfile named with `-p` cannot be one.
pub(crate) fn not_looked_after(pidfile: &Path, refused: &Refused) {
    let why = why_refused(refused);
    notice(&format!("not looking after {}: {why}", escaped(pidfile)));
}

/// What was named to be acted on can be no pidfile.
pub(crate) fn not_a_pidfile(path: &Path, refused: &Refused) {
    let why = why_refused(refused);
    notice(&format!("cannot act on {}: {why}", escaped(path)));
}

fn why_refused(refused: &Refused) -> String {
    match refused {
        Refused::Directory => "it is a directory; name the file in it".to_owned(),
        Refused::SymbolicLink => "it is a symbolic link; name the file that it leads to".to_owned(),
        Refused::NotRegular => "it is no regular file".to_owned(),
        Refused::TooLong => "its name is too long to have a record beside it".to_owned(),
        Refused::InDirectory(directory, pidward_identity::Errno::NOENT) => format!(
            "there is no directory {}; make it before the daemon starts",
            escaped(directory)
        ),
        Refused::InDirectory(directory, error) => {
            let error = Errno::from_raw(error.raw_os_error());
            format!("{}: {}", escaped(directory), cause(error))
        }
        Refused::BehindLink(uid) => format!(
            "a symbolic link of {} on its path could lead anywhere; name the path without it",
            text::user(*uid)
        ),
        Refused::NoCurrentDirectory(error) => {
            format!("the current directory has no path: {}", cause_of(error))
        }
    }
}

/// A process is told from others by its start time alone.
pub(crate) fn without_pidfd(finding: &Finding, owner: &Owner) {
    if let Owner::Numbered(pid, _) = owner {
        notice(&format!(
            "cannot exclude a race on {}: without pidfds (Linux 5.3) PID {} is told by its start time alone",
            escaped(&finding.path),
            pid.get()
        ));
    }
}

/// There is no way to wait for anything.
pub(crate) fn cannot_wait(error: Errno) -> Exit {
    notice(&format!("cannot wait: {}; nothing was done", cause(error)));
    Exit::Unknown
}

/// A stale pidfile was removed.
pub(crate) fn removed(finding: &Finding) {
    let path = escaped(&finding.path);
    notice(&format!("removed {path}: {}", verdict::text(finding)));
}

/// A stale pidfile could not be removed.
pub(crate) fn left(finding: &Finding, kept: Kept) {
    let why = why_kept(kept);
    let path = escaped(&finding.path);
    let stale = verdict::text(finding);
    notice(&format!("left {path}, though {stale}: {why}"));
}

fn why_kept(kept: Kept) -> String {
    match kept {
        Kept::Missing | Kept::NotHis => "it has changed meanwhile".to_owned(),
        Kept::NotReadable(_) => "it cannot be read any more".to_owned(),
        Kept::Locked => "another process holds a lock on it".to_owned(),
        Kept::Open => "another process has it open to write it".to_owned(),
        Kept::AsideTaken => "what an interrupted removal left beside it is in the way".to_owned(),
        Kept::Denied(pidward_identity::Errno::BUSY) => {
            "it is mounted there by itself, from elsewhere".to_owned()
        }
        Kept::Denied(error) => cause(Errno::from_raw(error.raw_os_error())),
    }
}

/// A guard could not be started.
pub(crate) fn no_guard(pidfile: &Path, guard: &Path, error: Errno) {
    notice(&format!(
        "no guard for {}: {}: {}; the pidfile stays if the daemon is killed",
        escaped(pidfile),
        escaped(guard),
        cause(error)
    ));
}

/// A pidfile cannot be named in `PIDWARD_PIDFILE`.
pub(crate) fn cannot_be_named(pidfile: &Path) {
    notice(&format!(
        "cannot name {} to the daemon: a colon in the path would make it two; its guard alone looks after it",
        escaped(pidfile)
    ));
}

/// The library is not preloaded.
pub(crate) fn no_library(unusable: &Unusable) {
    let why = match unusable {
        Unusable::Missing(path) => format!("{}: {}", escaped(path), cause(Errno::ENOENT)),
        Unusable::Unreadable(path, error) => format!("{}: {}", escaped(path), cause_of(error)),
        Unusable::Foreign(path) => {
            format!("{} is no shared library of this machine", escaped(path))
        }
    };
    notice(&format!("not preloading: {why}; {NOT_PRELOADED}"));
}

/// The library lies where `LD_PRELOAD` cannot point.
pub(crate) fn cannot_be_preloaded(library: &Path) {
    notice(&format!(
        "not preloading {}: a space or colon in the path would make it two; {NOT_PRELOADED}",
        escaped(library)
    ));
}

/// The environment leaves no room for what the library is preloaded and told by.
pub(crate) fn no_room_to_preload() {
    notice(&format!(
        "not preloading: the environment is too long for LD_PRELOAD and PIDWARD_PIDFILE; {NOT_PRELOADED}"
    ));
}

const NOT_PRELOADED: &str = "only pidfiles named with -p are looked after";

/// The command cannot be run.
pub(crate) fn cannot_run(command: &Path, reason: Unrunnable) {
    let why = why_unrunnable(reason);
    notice(&format!("cannot run {}: {why}", escaped(command)));
}

fn why_unrunnable(reason: Unrunnable) -> String {
    match reason {
        Unrunnable::NotFound => "no such command".to_owned(),
        Unrunnable::Directory => "it is a directory".to_owned(),
        Unrunnable::Binary => "it is neither a program of this machine nor a script".to_owned(),
        Unrunnable::NoInterpreter => {
            "the interpreter or loader that it asks for is not there".to_owned()
        }
        Unrunnable::Refused(error) => cause(error),
    }
}

/// A directory that was to be swept.
pub(crate) fn cannot_look_into(directory: &Path, why: NoWay) {
    let why = match why {
        NoWay::Refused(error) => cause(Errno::from_raw(error.raw_os_error())),
        NoWay::Link(uid) => format!("a symbolic link of {} is on the way", text::user(uid)),
    };
    notice(&format!("cannot look into {}: {why}", escaped(directory)));
}

/// What could not be searched: the directories that the user named a line each, all others together.
pub(crate) fn hidden(hidden: &[Hidden]) {
    let (named, others): (Vec<&Hidden>, Vec<&Hidden>) = hidden.iter().partition(|it| it.named);
    for Hidden {
        directory, error, ..
    } in named
    {
        let why = cause_of(error);
        notice(&format!("cannot look into {}: {why}", escaped(directory)));
    }
    if let Some(first) = others.first() {
        let more = match others.len() {
            1 => String::new(),
            2 => " and another directory".to_owned(),
            all => format!(" and {} other directories", all - 1),
        };
        notice(&format!(
            "cannot look into {}{more}: {}; pidfiles there are not listed",
            escaped(&first.directory),
            cause_of(&first.error)
        ));
    }
}

/// The answer of `status`.
///
/// # Errors
/// When standard output does not take it; that has been said then.
pub(crate) fn findings(
    findings: &[Finding],
    json: bool,
    environment: &Environment,
) -> io::Result<()> {
    if json {
        return to_stdout(&json::array(findings)?);
    }
    let is_terminal = io::stdout().is_terminal();
    let width = if is_terminal {
        let widths = findings.iter().map(|it| escaped(&it.path).chars().count());
        widths.max().unwrap_or_default()
    } else {
        0
    };
    let colour = is_terminal && wants_colour(environment);
    let lines = findings.iter().map(|it| verdict::line(it, width, colour));
    to_stdout(&lines.collect::<String>())
}

/// Unless the user has said no (<https://no-color.org>), or his terminal has none.
fn wants_colour(environment: &Environment) -> bool {
    let no_colour = environment.get("NO_COLOR");
    let terminal = environment.get("TERM").unwrap_or_default();
    no_colour.is_none_or(|it| it.is_empty()) && terminal != "dumb" && !terminal.is_empty()
}

fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.inspect_err(|error| {
        notice(&format!("cannot write the answer: {}", cause_of(error)));
    })
}
