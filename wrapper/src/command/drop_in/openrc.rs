//! OpenRC: `/etc/conf.d/NAME`, which openrc-run sources after it has cleared the environment of all that `rc_env_allow` does
//! not let through. What is exported there reaches start-stop-daemon and supervise-daemon, and the daemon through them.

use std::path::Path;

use super::script::Script;
use super::settings::{NoDropIn, Settings, Warning};

/// Where settings of services are.
const PLACE: &str = "/etc/conf.d";

/// Where the lines go.
pub(super) fn settings(name: &str, script: &Script) -> Result<Settings, NoDropIn> {
    let interpreter = &script.interpreter;
    if !interpreter.contains("openrc-run") && !interpreter.contains("runscript") {
        return Err(NoDropIn::NotOfOpenrc);
    }
    let clears = script.clears.iter();
    let warnings = clears.map(|(line, text)| Warning::Clears(*line, text.clone()));
    Ok(Settings {
        file: Some(Path::new(PLACE).join(name)),
        warnings: warnings.collect(),
    })
}
