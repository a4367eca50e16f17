//! pidward, the command: what an operator types. In the order in which a `run` passes through it:
//!
//! - [`entry`]: what we were started with, before anything has touched it
//! - [`cli`]: the command line; its help comes from it
//! - [`command`]: one file a command
//! - [`place`]: a pidfile's path, as what is done with it needs it; [`distinct`]: each file once
//! - [`finding`]: what a pidfile was found to be; [`find`]: which pidfiles a path means; [`known`]: the links
//!   to recorded pidfiles
//! - [`named`]: the pidfiles that a command was told to act on
//! - [`schedule`]: what to send a daemon that is to stop; [`vigil`]: waiting for its death; [`clean`]: removing what it
//!   has left; [`changes`]: waiting for what somebody else does to a pidfile
//! - [`tree`]: what lies below a directory; [`sweeper`]: removes what is stale of it; [`around`]: what is around many
//!   pidfiles; [`own`]: pidfiles that hold our own number
//! - [`unit`]: a service unit of systemd
//! - [`doctor`]: which lines of defence hold for a daemon
//! - [`state`]: where pidward's own files are; [`tally`]: how many pidfiles were removed
//! - [`guards`]: those that run, and those that are about to leave
//! - [`guard`]: starts a guard, unnoticed by the command
//! - [`parts`]: where the library and the guard lie
//! - [`environment`]: what the command inherits
//! - [`program`]: which file a command's name stands for; becoming it; [`regular`]: reading what may be no file at all
//! - [`say`]: every sentence that a user sees; [`exit`]: every exit status; [`unwinder`]: linked in
#![cfg_attr(not(test), no_main)]

mod around;
mod changes;
mod clean;
mod cli;
mod command;
mod distinct;
mod doctor;
mod entry;
mod environment;
mod exit;
mod find;
mod finding;
mod guard;
mod guards;
mod known;
mod named;
mod own;
mod parts;
mod place;
mod program;
mod regular;
mod say;
mod schedule;
mod state;
mod sweeper;
mod tally;
mod tree;
mod unit;
mod unwinder;
mod vigil;
mod write;

use cli::Command;
use entry::Start;
use exit::Exit;

/// Does what the command line says.
fn main(start: Start) -> Exit {
    match cli::parse(&start.arguments) {
        Err(answer) => say::usage(&answer),
        Ok(Command::Run(options)) => command::run::run(options, start.environment),
        Ok(Command::Status(options)) => command::status::status(&options, &start.environment),
        Ok(Command::Signal(options)) => command::signal::signal(&options, &start.environment),
        Ok(Command::Stop(options)) => command::stop::stop(&options, &start.environment),
        Ok(Command::Wait(options)) => command::wait::wait(&options, &start.environment),
        Ok(Command::Sweep(options)) => command::sweep::sweep(&options, &start.environment),
        Ok(Command::Doctor(options)) => command::doctor::doctor(&options, &start.environment),
        Ok(Command::DropIn(options)) => command::drop_in::drop_in(&options, &start.environment),
        Ok(Command::Adopt(options)) => command::adopt::adopt(&options, &start.environment),
    }
}
