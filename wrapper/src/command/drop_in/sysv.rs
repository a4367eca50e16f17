//! sysvinit: `/etc/default/NAME`, or what else the script sources that is its own.

use std::path::{Path, PathBuf};

use super::script::Script;
use super::settings::{NoDropIn, Settings, Warning};

/// Where settings of services are: Debian's, and Red Hat's and SUSE's.
const PLACES: [&str; 2] = ["/etc/default", "/etc/sysconfig"];

/// Settings that all services share.
const SHARED: [&str; 6] = ["rcS", "locale", "nss", "halt", "tmpfs", "network"];

/// systemd runs, as sd_booted(3) tells it.
const SYSTEMD: &str = "/run/systemd/system";

/// Where the lines go.
pub(super) fn settings(name: &str, script: &Script) -> Result<Settings, NoDropIn> {
    if script.interpreter.contains("openrc-run") {
        return Err(NoDropIn::OfOpenrc);
    }
    let mut warnings = Vec::new();
    if Path::new(SYSTEMD).is_dir() {
        warnings.push(Warning::Systemd);
    }
    if let Some(file) = envvars(name, script) {
        return Ok(Settings {
            file: Some(file),
            warnings,
        });
    }
    if let Some((line, text)) = &script.clears {
        warnings.push(Warning::Clears(*line, text.clone()));
    }
    let file = file(name, script);
    if let Some(file) = file.as_ref().filter(|file| !is_named(file, name)) {
        warnings.push(Warning::Shared(file.clone()));
    }
    Ok(Settings { file, warnings })
}

/// Apache's script clears the environment, and apache2ctl sources this file after that.
fn envvars(name: &str, script: &Script) -> Option<PathBuf> {
    let instance = name
        .strip_prefix("apache2")
        .filter(|_| script.sets("APACHE_ENVVARS"))?;
    Some(format!("/etc/apache2{instance}/envvars").into())
}

/// The file of that name, else another one that is not everybody's.
fn file(name: &str, script: &Script) -> Option<PathBuf> {
    // That sources this one, if it is there.
    if script.is_init_d_script {
        return Some(Path::new("/etc/default").join(name));
    }
    let in_place = |file: &&PathBuf| {
        let directory = file.parent();
        PLACES
            .iter()
            .any(|place| directory == Some(Path::new(place)))
            && !SHARED.iter().any(|shared| is_named(file, shared))
    };
    let all: Vec<&PathBuf> = script.sources.iter().filter(in_place).collect();
    let named = all.iter().find(|file| is_named(file, name));
    named.or(all.first()).copied().cloned()
}

fn is_named(file: &Path, name: &str) -> bool {
    file.file_name().is_some_and(|it| it == name)
}
