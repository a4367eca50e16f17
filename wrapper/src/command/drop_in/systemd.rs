//! The drop-in for a unit of systemd, systemd.service(5): what is put before its commands, and what its sandbox needs or takes
//! away.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::User;
use pidward_identity::pid::Pid;
use pidward_identity::verdict::Class;

use super::script::Script;
use crate::doctor::program::{Attributes, Caller};
use crate::environment::Environment;
use crate::find::Search;
use crate::finding::{Looked, question};
use crate::say::is_hidden;
use crate::unit::Unit;

/// What of pidward a unit has to execute or load.
pub(super) struct Parts {
    pub(super) pidward: PathBuf,
    pub(super) library: PathBuf,
    pub(super) guard: PathBuf,
}

/// What a unit's settings take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Warning {
    /// The command is called by another name than its path, which is lost.
    OtherName(String),
    /// A command is a line for a shell, and stays as it is.
    Shells,
    /// It forks, and nothing says which pidfile is its.
    NoPidfile,
    /// This setting is a filter of system calls.
    Filter(&'static str),
    /// This setting has the unit see another root, in which pidward has to be.
    OtherRoot(&'static str),
    /// This setting hides a path that is pidward's.
    Hidden(&'static str, PathBuf),
    /// The pidfile is where nobody else sees it.
    PrivatePidfile,
    /// /proc shows processes alone, so no record tells one boot from another.
    NoBoot,
    /// The kernel gives new rights to the command, and loads no library into it.
    Privileged(String),
}

/// A drop-in: its text, and what there is to know about it.
pub(super) struct DropIn {
    pub(super) text: String,
    pub(super) warnings: Vec<Warning>,
}

/// The drop-in for a unit; `None` when it starts nothing.
pub(super) fn of(unit: &Unit, parts: &Parts, environment: &Environment) -> Option<DropIn> {
    let starts = unit.all("ExecStart");
    let first = starts.first()?;
    let pidfile = pidfile(unit, first, environment);
    let forks = unit.get("Type") == Some("forking");
    let mut warnings = Vec::new();
    let mut lines = vec!["[Service]".to_owned(), "ExecStart=".to_owned()];
    let run = run(parts, pidfile.as_deref());
    for start in &starts {
        let (line, lost) = prefixed(start, &run);
        lines.push(format!("ExecStart={line}"));
        warnings.extend(lost.map(Warning::OtherName));
    }
    if starts.iter().flat_map(|it| commands(it)).any(is_shells) {
        warnings.push(Warning::Shells);
    }
    match &pidfile {
        Some(pidfile) if forks && unit.get("PIDFile").is_none() => {
            // That is no word, and nothing in it is unescaped.
            if pidfile.contains(is_hidden) || pidfile.ends_with(char::is_whitespace) {
                warnings.push(Warning::NoPidfile);
            } else {
                lines.push(format!("PIDFile={pidfile}"));
            }
        }
        None if forks => warnings.push(Warning::NoPidfile),
        _ => {}
    }
    // With all rights, and outside of the unit's sandbox. The guard gets the time to leave before systemd looks who is left.
    let pidward = word(&parts.pidward);
    let swept = pidfile.as_deref().map(|it| format!(" {}", quoted(it)));
    let swept = swept.unwrap_or_default();
    lines.push(format!(
        "ExecStopPost=-+{pidward} sweep --quiet --settle{swept}"
    ));
    lines.extend(sandbox(unit, parts));
    warnings.extend(taken_away(unit, parts, pidfile.as_deref(), first));
    let text = lines.iter().map(|line| shown(line) + "\n").collect();
    Some(DropIn { text, warnings })
}

/// What is put before a command.
fn run(parts: &Parts, pidfile: Option<&str>) -> String {
    let mut words = vec![word(&parts.pidward), "run".to_owned()];
    if let Some(pidfile) = pidfile {
        words.extend(["-p".to_owned(), quoted(pidfile)]);
    }
    words.push("--".to_owned());
    words.join(" ")
}

/// A line of commands with `run` before each; and the name that the first one was to be called by, which is lost.
fn prefixed(line: &str, run: &str) -> (String, Option<String>) {
    let mut lost = None;
    let one = |command: &str| {
        let command = command.trim();
        let (marks, rest) = marked(command);
        let (program, arguments) = first_word(rest);
        if is_shells(command) || is_ours(program, arguments) {
            return command.to_owned();
        }
        if !marks.contains('@') {
            return format!("{marks}{run} {rest}");
        }
        let (name, arguments) = first_word(arguments.trim_start());
        let is_its = Path::new(program).file_name() == Path::new(name).file_name();
        if !is_its {
            lost.get_or_insert(name.to_owned());
        }
        let marks = marks.replace('@', "");
        format!("{marks}{run} {program}{arguments}")
    };
    let commands: Vec<String> = commands(line).into_iter().map(one).collect();
    (commands.join(" ; "), lost)
}

/// What stands before a command for systemd, and the command.
fn marked(command: &str) -> (&str, &str) {
    let rest = command.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let marks = command.strip_suffix(rest).unwrap_or_default();
    (marks, rest.trim_start())
}

/// Whether systemd has a shell execute it, since version 258. Its first word may be none of a program.
fn is_shells(command: &str) -> bool {
    marked(command.trim()).0.contains('|')
}

/// The commands of a line, of which a oneshot may have several: a word that is a semicolon, neither quoted nor escaped, ends one,
/// systemd.service(5).
fn commands(line: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let (mut begin, mut rest) = (0, line);
    while !rest.is_empty() {
        let (word, behind) = first_word(rest);
        if word == ";" {
            commands.extend(line.get(begin..line.len() - rest.len()));
            begin = line.len() - behind.len();
        }
        rest = behind.trim_start();
    }
    commands.extend(line.get(begin..));
    commands.retain(|command| !command.trim().is_empty());
    commands
}

/// Somebody has put it there already.
fn is_ours(program: &str, arguments: &str) -> bool {
    let name = Path::new(program).file_name();
    name.is_some_and(|name| name == "pidward") && arguments.trim_start().starts_with("run")
}

/// The first word, with its quotes, and what is behind it.
fn first_word(text: &str) -> (&str, &str) {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (character, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            (mark, Some(open)) if mark == open => quote = None,
            ('"' | '\'', None) => quote = Some(character),
            (space, None) if space.is_whitespace() => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

/// The unit's pidfile, if that is known: from the unit, its command, the script that it was made from, or the running daemon.
fn pidfile(unit: &Unit, start: &str, environment: &Environment) -> Option<String> {
    let named = unit
        .get("PIDFile")
        .map(|path| match path.starts_with(['/', '%']) {
            true => path.to_owned(),
            false => format!("/run/{path}"),
        });
    named
        .or_else(|| of_command(start))
        .or_else(|| Script::read(unit.get("SourcePath")?.as_ref()).ok()?.pidfile)
        .or_else(|| of_running(&unit.name, environment))
}

/// What it was told by an option that many daemons have. A path that it takes a shell or systemd's environment to know is none.
fn of_command(start: &str) -> Option<String> {
    let mut words = start.split_whitespace();
    while let Some(word) = words.next() {
        for option in ["--pidfile", "--pid-file"] {
            let value = match word.strip_prefix(option) {
                Some("") => words.clone().next(),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            };
            let is_plain = |path: &&str| path.starts_with('/') && !path.contains(SPECIAL);
            if let Some(path) = value.filter(is_plain) {
                return Some(path.to_owned());
            }
        }
    }
    None
}

/// The one pidfile that names a process of the unit's, if it runs.
fn of_running(unit: &str, environment: &Environment) -> Option<String> {
    let is_its = |pid: Pid| {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", pid.get()));
        groups.is_ok_and(|groups| groups.split(['/', '\n']).any(|part| part == unit))
    };
    let search = Search::usual(environment);
    let mut found = search.found.iter().filter(|found| {
        let finding = Looked::at(&found.place, question(environment, false)).finding;
        finding.reason.class() == Class::Running && finding.pid().is_some_and(is_its)
    });
    let one = found.next().filter(|_| found.next().is_none())?;
    one.place.path.to_str().map(literally)
}

/// What the unit's sandbox has to let through.
fn sandbox(unit: &Unit, parts: &Parts) -> Vec<String> {
    let mut lines = Vec::new();
    if !unit.all("NoExecPaths").is_empty() {
        let paths = [&parts.pidward, &parts.library, &parts.guard];
        let words: Vec<String> = paths.iter().map(|path| word(path)).collect();
        lines.push(format!("ExecPaths={}", words.join(" ")));
    }
    if unit.get("ProtectSystem") == Some("strict") {
        // Where the recorded ones are listed.
        lines.push("ReadWritePaths=-/var/lib/pidward".to_owned());
    }
    let families = unit.all("RestrictAddressFamilies");
    let is_list = families.first().is_some_and(|it| !it.starts_with('~'));
    if is_list && !families.iter().any(|it| it.contains("AF_UNIX")) {
        // The guard tells the log.
        lines.push("RestrictAddressFamilies=AF_UNIX".to_owned());
    }
    lines
}

fn taken_away(unit: &Unit, parts: &Parts, pidfile: Option<&str>, start: &str) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for filter in ["SystemCallFilter", "SystemCallArchitectures"] {
        if !unit.all(filter).is_empty() {
            warnings.push(Warning::Filter(filter));
            break;
        }
    }
    for root in ["RootDirectory", "RootImage"] {
        if unit.get(root).is_some_and(|root| root != "/") {
            warnings.push(Warning::OtherRoot(root));
        }
    }
    for key in ["InaccessiblePaths", "TemporaryFileSystem"] {
        let values = unit.all(key);
        let hidden = values.iter().flat_map(|value| value.split_whitespace());
        let hidden = hidden.map(|path| path.trim_start_matches(['-', '+']));
        let hidden = hidden.map(|path| path.split(':').next().unwrap_or_default());
        let mut hidden = hidden.filter(|path| parts.pidward.starts_with(path));
        if let Some(path) = hidden.next() {
            warnings.push(Warning::Hidden(key, path.into()));
        }
    }
    let is_private = |path: &str| path.starts_with("/tmp/") || path.starts_with("/var/tmp/");
    if unit.is_on("PrivateTmp") && pidfile.is_some_and(is_private) {
        warnings.push(Warning::PrivatePidfile);
    }
    if unit.get("ProcSubset") == Some("pid") {
        warnings.push(Warning::NoBoot);
    }
    warnings.extend(privileged(unit, start));
    warnings
}

/// Whether the program gains rights when it is executed, setuid or by capabilities of its file, that the unit's user has not.
fn privileged(unit: &Unit, start: &str) -> Option<Warning> {
    let (marks, command) = marked(start);
    let (program, _) = first_word(command);
    let user = unit.get("User").filter(|_| !marks.contains('+'));
    let uid = match user {
        Some(user) => user_of(user),
        None if unit.is_on("DynamicUser") => u32::MAX,
        None => 0,
    };
    let file = fs::metadata(program).ok()?;
    let caller = Caller::of_unit(uid, unit.is_on("NoNewPrivileges"));
    Attributes::of(program.as_ref(), &file)
        .gain(caller)
        .map(|_| Warning::Privileged(program.to_owned()))
}

/// Whom a unit's User= means; of one who is made when it starts, or by a specifier, it is known that he is not root.
fn user_of(user: &str) -> u32 {
    let by_number = || user.parse().ok();
    let known = User::from_name(user).ok().flatten();
    known
        .map(|it| it.uid.as_raw())
        .or_else(by_number)
        .unwrap_or(u32::MAX)
}

/// A path of ours as a word.
fn word(path: &Path) -> String {
    quoted(&literally(&path.display().to_string()))
}

/// With nothing that systemd replaces, systemd.unit(5), "Specifiers".
fn literally(text: &str) -> String {
    text.replace('%', "%%")
}

/// A line without what would end it early, or do to a terminal what it likes: in commands and lists of words systemd takes
/// `\x1b` for the same, systemd.syntax(7).
fn shown(line: &str) -> String {
    let mut text = String::new();
    for character in line.chars() {
        let _ = match u32::from(character) {
            number @ 0..0x80 if character != '\t' && is_hidden(character) => {
                write!(text, "\\x{number:02x}")
            }
            number if character != '\t' && is_hidden(character) => write!(text, "\\u{number:04x}"),
            _ => write!(text, "{character}"),
        };
    }
    text
}

/// What means something else in a word.
const SPECIAL: &[char] = &['"', '\'', '\\', ';', '$'];

fn quoted(text: &str) -> String {
    match text.contains(|it: char| it.is_whitespace() || SPECIAL.contains(&it)) {
        true => format!(
            "\"{}\"",
            text.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('$', "$$")
        ),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_command_goes_on_standing_there() {
        for (line, expected) in [
            ("/bin/x -a", "R -- /bin/x -a"),
            ("-/bin/x", "-R -- /bin/x"),
            ("!!/bin/x $A", "!!R -- /bin/x $A"),
            ("-@/bin/x x -a", "-R -- /bin/x -a"),
            ("\"/a b/x\" 'c d'", "R -- \"/a b/x\" 'c d'"),
            ("/a ; /b \\; c", "R -- /a ; R -- /b \\; c"),
            (
                "/usr/bin/pidward run -- /bin/x",
                "/usr/bin/pidward run -- /bin/x",
            ),
            ("-@|A=1 exec x", "-@|A=1 exec x"),
        ] {
            assert_eq!(prefixed(line, "R --").0, expected);
        }
        assert_eq!(prefixed("@/bin/sh -sh", "R").1.as_deref(), Some("-sh"));
    }

    #[test]
    fn an_option_names_the_pidfile() {
        for start in ["/x --pidfile /run/x.pid", "/x --a --pid-file=/run/x.pid"] {
            assert_eq!(of_command(start).as_deref(), Some("/run/x.pid"));
        }
        assert_eq!(of_command("/x --pidfile x.pid --pidfiles=/y"), None);
    }
}
