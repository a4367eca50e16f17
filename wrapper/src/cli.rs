//! The command line. Parsing, usage errors and help all come from this one definition.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};

/// Pidfile hygiene for daemons that nobody will change.
#[derive(Parser, Debug)]
#[command(name = "pidward", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    Run(Run),
    Status(Status),
}

/// Run a command whose pidfile goes when it dies
///
/// Becomes COMMAND: process ID, parent, descriptors, signals and exit status are
/// the command's. The pidfiles that it and its children make are removed when they
/// die, whatever they die of. As PID 1 it stays in the foreground, as with -f.
#[derive(clap::Args, Debug)]
#[command(
    override_usage = "pidward run [-p PIDFILE]... [-f] [--no-preload] [--] COMMAND [ARG]...",
    verbatim_doc_comment,
    after_help = "\
Environment:
  PIDWARD_GUARD=off  start no guards: a daemon that is killed leaves its pidfile
  PIDWARD_GUARD_EXE  the guard to start, instead of the one installed

Exit status: the command's, with -f the daemon's, 128 and the signal if one ended it; 2 usage error, 126 the command cannot be executed, 127 there is none."
)]
pub(crate) struct Run {
    /// A pidfile of the command: removed if it is stale, then guarded
    ///
    /// Needed where the command cannot be preloaded into, because it is static or
    /// gains privileges. May be given more than once.
    #[arg(short = 'p', value_name = "PIDFILE", value_parser = not_empty(), verbatim_doc_comment)]
    pub(crate) pidfiles: Vec<PathBuf>,

    /// Stay in the foreground, for a supervisor: as long as the daemon lives
    ///
    /// Starts COMMAND and waits until the daemon is dead whose pidfile it makes, the
    /// first one given with -p. Passes signals on to it, reaps what it leaves, and
    /// ends as it ended.
    #[arg(short = 'f', verbatim_doc_comment)]
    pub(crate) foreground: bool,

    /// Leave LD_PRELOAD alone: only the pidfiles given with -p are looked after
    #[arg(long)]
    pub(crate) no_preload: bool,

    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        num_args = 1..,
        trailing_var_arg = true
    )]
    pub(crate) command: Vec<OsString>,
}

/// Say what pidfiles mean: does the daemon live, and is it the right process?
///
/// Changes nothing. One pidfile is one line: running, stale (proven dead), missing
/// or unknown; the file; what its process is; in the last parentheses, the reason.
#[derive(clap::Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Exit status: 0 running, 1 stale, 3 missing, 4 unknown, of several the highest; 2 usage error."
)]
pub(crate) struct Status {
    /// Answer with one JSON array
    #[arg(long)]
    pub(crate) json: bool,

    /// Pidfiles, or directories to look for pidfiles in
    ///
    /// Without any: /run, /var/run and the recorded ones.
    #[arg(value_name = "PIDFILE|DIR", value_parser = not_empty())]
    pub(crate) paths: Vec<PathBuf>,
}

/// A path of no characters is no path; it comes from an unset variable of a script.
fn not_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|value| {
        if value.is_empty() {
            Err("it is empty")
        } else {
            Ok(PathBuf::from(value))
        }
    })
}

/// Why there is nothing to do: an error of usage, or a question for help that clap has answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// For standard output.
    Help(String),
    /// For standard error.
    Usage(String),
}

/// Reads the command line, our own name first.
///
/// # Errors
/// [`Answer`], when it does not say what to do.
pub(crate) fn parse(arguments: &[CString]) -> Result<Command, Answer> {
    let arguments = arguments
        .iter()
        .map(|argument| OsStr::from_bytes(argument.to_bytes()));
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Ok(cli.command),
        // What clap has for standard error is an error; the rest is what was asked for.
        Err(error) if error.use_stderr() => Err(Answer::Usage(error.to_string())),
        Err(help) => Err(Answer::Help(help.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Command, Answer> {
        let line: Vec<CString> = line
            .iter()
            .map(|&word| CString::new(word).unwrap())
            .collect();
        parse(&line)
    }

    fn command(line: &[&str]) -> Vec<OsString> {
        match parsed(line) {
            Ok(Command::Run(run)) => run.command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn what_follows_the_command_is_the_commands() {
        let line = [
            "pidward",
            "run",
            "nginx",
            "-p",
            "/prefix",
            "--no-preload",
            "--",
            "x",
        ];
        assert_eq!(command(&line), line[2..]);
        assert_eq!(
            command(&["pidward", "run", "--", "-odd", "-p"]),
            ["-odd", "-p"]
        );
    }

    #[test]
    fn nothing_to_run_is_a_usage_error() {
        for line in [
            &["pidward"][..],
            &["pidward", "run"],
            &["pidward", "run", "--"],
            &["pidward", "run", "-p", "", "true"],
            &["pidward", "run", "-p"],
            &["pidward", "status", ""],
            &[],
        ] {
            assert!(matches!(parsed(line), Err(Answer::Usage(_))), "{line:?}");
        }
    }

    #[test]
    fn help_is_no_error() {
        for line in [&["pidward", "--help"][..], &["pidward", "run", "-h"]] {
            assert!(matches!(parsed(line), Err(Answer::Help(_))), "{line:?}");
        }
    }
}
