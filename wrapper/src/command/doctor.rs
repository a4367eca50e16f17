//! `pidward doctor`: which of the four lines of defence hold for a daemon, and what to do about those that do not.

use std::ffi::OsStr;

use crate::cli;
use crate::command::drop_in;
use crate::doctor::Facts;
use crate::doctor::judge::{Judgement, State};
use crate::doctor::program::{Caller, Program};
use crate::doctor::subject::Subject;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::say;
use crate::unit::Unit;

/// Examines it, says what was found, the conclusion first, and ends with the highest of the lines' statuses.
pub(crate) fn doctor(options: &cli::Doctor, environment: &Environment) -> Exit {
    let is_program = |name: &OsStr| Program::named(name, environment).is_ok();
    let subject = Subject::of(&options.subject, is_program);
    let facts = match Facts::gather(subject, environment) {
        Ok(facts) => facts,
        Err(why) => return say::doctor::nothing_to_examine(&why),
    };
    let process = facts.process.as_ref();
    let unit = process.and_then(|it| Unit::load(it.unit.as_ref()?.of_system()?).ok());
    let warnings = unit
        .as_ref()
        .map(|unit| drop_in::taken_away(unit, environment))
        .unwrap_or_default();
    let kill_mode = unit.as_ref().and_then(|unit| unit.get("KillMode"));
    let judgement = Judgement::of(&facts, Caller::own(), kill_mode);
    if say::doctor::report(&facts, &judgement, &warnings, environment).is_err() {
        return Exit::Unknown;
    }
    let status = |state: &State| match state {
        State::Holds => Exit::Success,
        State::Fails => Exit::Failed,
        State::Unknown => Exit::Unknown,
    };
    let statuses = judgement.states();
    statuses.iter().map(status).max().unwrap_or(Exit::Unknown)
}
