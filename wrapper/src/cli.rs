//! The command line. Parsing, usage errors and help all come from this one definition.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use pidward_identity::signal as identity;

use crate::schedule::Schedule;

/// Pidfile hygiene for daemons that nobody will change.
#[derive(Parser, Debug)]
#[command(name = "pidward", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

macro_rules! commands {
    ($($name:literal $command:ident)*) => {
        /// The commands.
        #[derive(clap::Subcommand, Debug)]
        pub(crate) enum Command {
            $(
                #[command(name = $name)]
                $command($command),
            )*
        }

        /// What the first word asks for: one command alone, if it names one. To define all of them takes longer than most
        /// commands do.
        fn definition(first: &OsStr) -> clap::Command {
            let alone = |command| {
                let whole = clap::Command::new("pidward").subcommand_required(true);
                whole.disable_help_subcommand(true).subcommand(command)
            };
            match first.as_bytes() {
                $(name if name == $name.as_bytes() => {
                    alone($command::augment_args(clap::Command::new($name)))
                })*
                _ => Cli::command(),
            }
        }
    };
}

commands! {
    "run" Run
    "status" Status
    "signal" Signal
    "stop" Stop
    "wait" Wait
    "sweep" Sweep
    "adopt" Adopt
    "doctor" Doctor
    "drop-in" DropIn
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
Examples:
  pidward run -- /usr/sbin/nginx
  pidward run -p /run/httpd.pid -- httpd -k start
  pidward run -f -- apachectl start

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
Examples:
  pidward status
  pidward status --json /run/nginx.pid
  pidward status --prometheus

Exit status: 0 running, 1 stale, 3 missing, 4 unknown, of several the highest; 2 usage error.
With --prometheus 0, whatever the pidfiles are; 4 when the answer could not be written."
)]
pub(crate) struct Status {
    /// Answer with one JSON array
    #[arg(long, conflicts_with = "prometheus")]
    pub(crate) json: bool,

    /// Answer with numbers for Prometheus, in the text format of node_exporter's
    /// textfile collector: pidfiles by class and reason, guards, removals by cause
    #[arg(long, verbatim_doc_comment)]
    pub(crate) prometheus: bool,

    /// Pidfiles, or directories to look for pidfiles in
    ///
    /// Without any: /run, /var/run and the recorded ones.
    #[arg(value_name = "PIDFILE|DIR", value_parser = not_empty())]
    pub(crate) paths: Vec<PathBuf>,
}

/// Signal the daemons behind pidfiles, and no other process
///
/// A process is signalled only if its record proves that it is the one that the
/// pidfile means.
#[derive(clap::Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  pidward signal HUP /run/nginx.pid

Exit status: 0 sent, 7 not running (stale or missing), 4 not allowed or cannot be told,
of several the highest; 2 usage error."
)]
pub(crate) struct Signal {
    /// Signal a process too of which no record says whether it is the right one
    #[arg(long)]
    pub(crate) unverified: bool,

    /// A name, with or without SIG (HUP, RTMIN+3), or a number; 0 only asks
    #[arg(value_name = "SIGNAL", value_parser = signal, allow_hyphen_values = true)]
    pub(crate) signal: identity::Signal,

    /// Pidfiles
    #[arg(value_name = "PIDFILE", required = true, value_parser = not_empty())]
    pub(crate) pidfiles: Vec<PathBuf>,
}

/// Stop the daemons behind pidfiles, and say how each ended
///
/// Returns as soon as they are gone. What is stale is removed; a process that has
/// got the number of a dead daemon is left alone.
#[derive(clap::Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  pidward stop /run/nginx.pid
  pidward stop --schedule INT/10/TERM/30/KILL/5 /run/x.pid

Exit status: 0 none of them is left, 1 one still lives or a pidfile could not be removed,
4 not allowed or cannot be told, of several the highest; 2 usage error, 130 after Ctrl-C."
)]
pub(crate) struct Stop {
    /// What to send, and how many seconds to wait after it
    ///
    /// As start-stop-daemon has it: signals and seconds with slashes between them.
    /// forever repeats what follows it; a number alone means TERM/number/KILL/number.
    #[arg(
        long,
        value_name = "SCHEDULE",
        default_value = "TERM/30/KILL/5",
        allow_hyphen_values = true,
        verbatim_doc_comment
    )]
    pub(crate) schedule: Schedule,

    /// Stop a process too of which no record says whether it is the right one
    #[arg(long)]
    pub(crate) unverified: bool,

    /// Pidfiles
    #[arg(value_name = "PIDFILE", required = true, value_parser = not_empty())]
    pub(crate) pidfiles: Vec<PathBuf>,
}

/// Wait until the daemons behind pidfiles are gone
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pidward wait --timeout 60 /run/nginx.pid

Exit status: 0 none of them lives, 124 the time is over, 4 cannot be told; 2 usage error,
130 after Ctrl-C.")]
pub(crate) struct Wait {
    /// For how long at most; 0.5 is half a second
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = seconds,
        allow_hyphen_values = true
    )]
    pub(crate) timeout: Option<Duration>,

    /// Pidfiles
    #[arg(value_name = "PIDFILE", required = true, value_parser = not_empty())]
    pub(crate) pidfiles: Vec<PathBuf>,
}

/// Remove pidfiles that are proven stale, and nothing else
///
/// Of a directory, those in it and below: files whose names end in "pid". Each
/// removal is a line, and each file of which it cannot be told. Puts right what a
/// crash in the middle of a removal has left. To name a file is to say that it is
/// nobody's elsewhere: where others may see it too, one in a directory stays.
#[derive(clap::Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  pidward sweep --dry-run
  pidward sweep /run /srv

Exit status: 0, or 1 if something stale could not be removed; 4 a directory that was named
cannot be looked into; 2 usage error."
)]
pub(crate) struct Sweep {
    /// Remove nothing, only say what would be done
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Remove too what is only suspect: without a record, and younger than its file
    ///
    /// The process that has the number now started after the pidfile was written.
    /// Clocks that are set can make it look so of a daemon that lives.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) suspect: bool,

    /// Say nothing of what stays, but of what is stale and cannot be removed
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,

    /// First give guards of this control group the time to leave
    ///
    /// Those whose daemon is dead, at most a second: for ExecStopPost= of systemd,
    /// which complains of processes that are left behind.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) settle: bool,

    /// Answer with one JSON array
    #[arg(long)]
    pub(crate) json: bool,

    /// Follow symbolic links out of a directory
    #[arg(short = 'L', long)]
    pub(crate) follow: bool,

    /// Go on to other file systems and mounts below a directory
    #[arg(long)]
    pub(crate) cross_mounts: bool,

    /// Pidfiles, or directories to look for pidfiles in
    ///
    /// Without any: /run, /var/run and the recorded ones.
    #[arg(value_name = "PIDFILE|DIR", value_parser = not_empty())]
    pub(crate) paths: Vec<PathBuf>,
}

/// Record and guard daemons that already run
///
/// From then on their pidfiles are removed when they die, and prove which process
/// they mean.
#[derive(clap::Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  pidward adopt /run/httpd.pid

Exit status: 0 guarded, 1 there is no guard, 4 not plausible or not allowed, 7 not running,
of several the highest; 2 usage error."
)]
pub(crate) struct Adopt {
    /// Adopt too what is not plausible: a process younger than its pidfile, or one
    /// for which those who can write the pidfile have no say
    #[arg(long, verbatim_doc_comment)]
    pub(crate) unverified: bool,

    /// Pidfiles
    #[arg(value_name = "PIDFILE", required = true, value_parser = not_empty())]
    pub(crate) pidfiles: Vec<PathBuf>,
}

/// Say which of the four lines of defence hold for a daemon, and why
///
/// The shim in the daemon, its guard, the sweep at boot, the record of which process
/// is meant: the conclusion first, what to do about those that do not hold, then the
/// facts: what the program is, what confines the process, what the kernel offers.
/// Changes nothing. A number is a process, a file that holds one a pidfile.
#[derive(clap::Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  pidward doctor /run/nginx.pid
  pidward doctor 812
  pidward doctor /usr/sbin/nginx

Exit status: 0 all four hold, 1 one does not, 4 of one it cannot be told; 2 there is no such process or program."
)]
pub(crate) struct Doctor {
    /// A pidfile, a process ID, or a program by path or name
    #[arg(value_name = "PIDFILE|PID|PROGRAM", value_parser = not_empty())]
    pub(crate) subject: PathBuf,
}

/// Print what starts a service that is there already with pidward
///
/// For systemd: reads the unit and its drop-ins, and prints a drop-in that puts
/// "pidward run --" before its commands. For sysvinit and OpenRC: reads the init
/// script, and prints lines for the file of settings that it sources, which have the
/// daemon preload pidward's library. Tells on standard error what of the unit or the
/// script takes a line of defence away.
#[derive(clap::Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  pidward drop-in systemd nginx
  pidward drop-in systemd nginx --install
  pidward drop-in sysv ssh --install
  pidward drop-in openrc nginx --remove

Exit status: 0, or 1 a file that is not pidward's is in the way, there is no file for the lines, or they
have been changed; 2 there is no such service; 4 it cannot be read or written."
)]
pub(crate) struct DropIn {
    /// Write it to where the init system reads it, and say what to run next
    #[arg(long)]
    pub(crate) install: bool,

    /// Remove what --install has written
    #[arg(long, conflicts_with = "install")]
    pub(crate) remove: bool,

    /// The init system
    #[arg(value_name = "KIND")]
    pub(crate) kind: Kind,

    /// The service, as the init system calls it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// An init system.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A drop-in for a unit
    Systemd,
    /// Lines for /etc/default/NAME, or what else the init script sources
    Sysv,
    /// Lines for /etc/conf.d/NAME
    Openrc,
}

fn signal(text: &str) -> Result<identity::Signal, &'static str> {
    identity::Signal::parse(text).ok_or("no such signal; \"kill -l\" lists them")
}

/// Seconds as people write them, with a fraction or without.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse().ok().filter(|_| plain);
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or("not a number of seconds")
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
    let words = || {
        let bytes = arguments.iter().map(|argument| argument.to_bytes());
        bytes.map(OsStr::from_bytes)
    };
    let definition = definition(words().nth(1).unwrap_or_default());
    let matches = definition.try_get_matches_from(words());
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Ok(cli.command),
        // What clap has for standard error is an error; the rest is what was asked for.
        Err(error) if error.use_stderr() => Err(Answer::Usage(error.to_string())),
        Err(help) => Err(Answer::Help(help.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_alone_is_what_it_is_among_all() {
        let built = |mut definition: clap::Command| {
            definition.build();
            definition
        };
        let whole = built(Cli::command());
        let names: Vec<&str> = whole
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert!(names.contains(&"status"));
        for name in names {
            let alone = built(definition(OsStr::new(name)));
            assert_eq!(alone.get_subcommands().count(), 1, "{name}");
            let help = |definition: &clap::Command| {
                let mut command = definition.find_subcommand(name).unwrap().clone();
                command.render_long_help().to_string()
            };
            assert_eq!(help(&alone), help(&whole));
        }
    }

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
            &["pidward", "signal", "TERM"],
            &["pidward", "signal", "FOO", "x.pid"],
            &["pidward", "signal", "TERM", ""],
            &["pidward", "stop"],
            &["pidward", "stop", "--schedule", "TERM", "x.pid"],
            &["pidward", "wait", "--timeout", "-1", "x.pid"],
            &["pidward", "wait", "--timeout", "inf", "x.pid"],
            &["pidward", "wait", "--timeout", "1e3", "x.pid"],
            &["pidward", "adopt"],
            &["pidward", "drop-in", "sysv"],
            &["pidward", "drop-in", "upstart", "x"],
            &["pidward", "drop-in", "sysv", "x", "--install", "--remove"],
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
