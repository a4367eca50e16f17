//! What there is to say of a drop-in for a service that an init script starts.

use std::io;
use std::path::Path;

use super::text::{cause_of, escaped};
use super::{advice, notice, to_stdout};
use crate::command::drop_in::{
    BlockRefused as Refused, Done, NoDropIn, Obstacle, ScriptWarning as Warning,
};
use crate::exit::Exit;
use crate::parts::Unusable;

/// There is nothing to drop into.
pub(crate) fn no_drop_in(name: &str, why: &NoDropIn) -> Exit {
    let name = escaped(name.as_ref());
    match why {
        NoDropIn::BadName => notice(&format!("{name} is no name of a service")),
        NoDropIn::NoScript(path) => advice(
            &format!("there is no {}", escaped(path)),
            "Name the service as its init script is called.",
        ),
        NoDropIn::Unreadable(path, error) => {
            notice(&format!(
                "cannot read {}: {}",
                escaped(path),
                cause_of(error)
            ));
            return Exit::Unknown;
        }
        NoDropIn::OfOpenrc => advice(
            &format!("{name} is a service of OpenRC"),
            &format!("\"pidward drop-in openrc {name}\" is for those."),
        ),
        NoDropIn::NotOfOpenrc => advice(
            &format!("{name} is no script for openrc-run, which alone sources /etc/conf.d"),
            &format!("\"pidward drop-in sysv {name}\" is for others."),
        ),
    }
    Exit::Usage
}

/// Without the library there is nothing to preload.
pub(crate) fn no_library(why: &Unusable) -> Exit {
    let path = match why {
        Unusable::Missing(path) | Unusable::Unreadable(path, _) | Unusable::Foreign(path) => path,
    };
    advice(
        &format!("the library {} cannot be used", escaped(path)),
        "Install pidward as a whole: a service is to name its final places.",
    );
    Exit::Unknown
}

/// The library lies where a script could not name it.
pub(crate) fn no_path(library: &Path) -> Exit {
    advice(
        &format!(
            "cannot name {} in LD_PRELOAD: its path has other characters than letters, digits and /._@+,~-",
            escaped(library)
        ),
        "Install pidward elsewhere.",
    );
    Exit::Unknown
}

/// The script sources no file of its own. Where it starts its daemon by start-stop-daemon, `startas` is where pidward lies.
pub(crate) fn nowhere(script: &Path, startas: Option<&Path>) -> Exit {
    let shown = escaped(script);
    let mut hint =
        "The lines do the same in the script itself, before it starts the daemon.".to_owned();
    // With its whole path: the PATH of an init script need not have it.
    if let Some(pidward) = startas {
        let pidward = escaped(pidward);
        hint.push_str(&format!(
            " So does its start-stop-daemon with\n  \
             --exec DAEMON --startas {pidward} -- run -p PIDFILE -- DAEMON ARGUMENTS,\n  \
             which sweeps the pidfile first as well; --exec still means the daemon."
        ));
    }
    advice(
        &format!("{shown} sources no file of settings that is its own"),
        &hint,
    );
    Exit::Failed
}

/// What would be at the end of the file does nothing there.
pub(crate) fn ineffective(file: &Path, obstacle: &Obstacle) -> Exit {
    let why = match obstacle {
        Obstacle::NotTaken(said) => {
            format!("the shell does not take it: {}", escaped(said.as_ref()))
        }
        Obstacle::GoesOn => {
            "its last line goes on behind its end, or a here-document does".to_owned()
        }
        Obstacle::Leaves(line, text) => {
            format!("line {line} leaves the file: {}", escaped(text.as_ref()))
        }
    };
    advice(
        &format!(
            "lines at the end of {} would do nothing: {why}",
            escaped(file)
        ),
        "Mend that, or put the lines that \"pidward drop-in\" prints before it.",
    );
    Exit::Failed
}

/// The lines themselves, and where they go.
pub(crate) fn print(file: Option<&Path>, block: &str) -> Exit {
    let text = match file {
        Some(file) => format!("# For {}:\n{block}", escaped(file)),
        None => block.to_owned(),
    };
    answered(&text)
}

fn answered(text: &str) -> Exit {
    match to_stdout(text) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::Unknown,
    }
}

/// They are in place, or not.
pub(crate) fn installed(file: &Path, script: &Path, done: Result<Done, Refused>) -> Exit {
    let shown = escaped(file);
    match done {
        Ok(Done::ThereBefore) => answered(&format!("{shown} has these lines already\n")),
        Ok(Done::Written | Done::Removed | Done::None) => {
            answered(&format!("wrote {shown}\n{}", next(script)))
        }
        Err(why) => refused("write", &shown, &why),
    }
}

/// They are gone, or not.
pub(crate) fn removed(file: &Path, script: &Path, done: Result<Done, Refused>) -> Exit {
    let shown = escaped(file);
    match done {
        Ok(Done::None) => answered(&format!("{shown} has none of pidward's lines\n")),
        Ok(Done::Written | Done::Removed | Done::ThereBefore) => answered(&format!(
            "removed pidward's lines from {shown}\n{}",
            next(script)
        )),
        Err(why) => refused("change", &shown, &why),
    }
}

fn next(script: &Path) -> String {
    format!("Now run: {} restart\n", escaped(script))
}

fn refused(deed: &str, shown: &str, why: &Refused) -> Exit {
    match why {
        Refused::Damaged => advice(
            &format!("{shown} stays as it is: what begins there as pidward's lines has changed"),
            "Remove those from \"# pidward begin\" to \"# pidward end\" by hand.",
        ),
        Refused::NotRegular => notice(&format!("cannot {deed} {shown}: it is no regular file")),
        Refused::Dangling(to) => advice(
            &format!(
                "{shown} stays as it is: it is a symbolic link to {}, which is not there",
                escaped(to)
            ),
            "Make that file, or remove the link.",
        ),
        Refused::OtherNames(count) => advice(
            &format!(
                "{shown} stays as it is: the file has {count} names (hard links), and would be another one under this name"
            ),
            "Change the lines by hand, or have a symbolic link in the place of all names but one.",
        ),
        Refused::Failed(error) => {
            notice(&format!("cannot {deed} {shown}: {}", cause_of(error)));
            if error.kind() == io::ErrorKind::PermissionDenied {
                return Exit::Unknown;
            }
        }
    }
    Exit::Failed
}

/// Tells the user of something that takes a line of defence away.
pub(crate) fn warn(name: &str, warning: &Warning) {
    match warning {
        Warning::Clears(number, line) => advice(
            &format!(
                "{name}: line {number} of its script keeps LD_PRELOAD, and with it the library, from what it starts: {}",
                escaped(line.as_ref())
            ),
            "If it starts the daemon, put \"pidward run --\" behind that, before the daemon.",
        ),
        Warning::Shared(file) => notice(&format!(
            "{name}: {} may be sourced by other services too, which are started with the library then",
            escaped(file)
        )),
        Warning::Systemd => advice(
            &format!(
                "{name}: systemd runs here, and starts a service by its unit where there is one"
            ),
            &format!("\"pidward drop-in systemd {name}\" is for that."),
        ),
    }
}
