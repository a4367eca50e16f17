//! What there is to say of a drop-in.

use std::io;
use std::path::Path;

use super::text::{cause_of, escaped, escaped_bytes};
use super::{advice, notice, to_stdout};
use crate::command::drop_in::{Refused, Warning};
use crate::exit::Exit;
use crate::parts::Unusable;
use crate::unit::NoUnit;

/// There is no such unit.
pub(crate) fn no_unit(name: &str, why: &NoUnit) -> Exit {
    let name = escaped(name.as_ref());
    match why {
        NoUnit::BadName => advice(
            &format!("{name} is no name of a unit"),
            "Name the service as systemctl does, without a directory.",
        ),
        NoUnit::NoService => advice(
            &format!("{name} is no service"),
            "Name the service that it starts: that has the daemon.",
        ),
        NoUnit::NotFound => advice(
            &format!("there is no unit {name}"),
            "\"systemctl list-unit-files --type=service\" lists those that there are.",
        ),
        NoUnit::Masked(path) => advice(
            &format!("{name} is masked by {}", escaped(path)),
            "systemd starts it under no condition: \"systemctl unmask\" takes that back.",
        ),
        NoUnit::Unreadable(path, error) => {
            notice(&format!(
                "cannot read {}: {}",
                escaped(path),
                cause_of(error)
            ));
            return Exit::Unknown;
        }
    }
    Exit::Usage
}

/// The unit has no ExecStart=.
pub(crate) fn starts_nothing(name: &str) -> Exit {
    notice(&format!("{name} starts nothing: it has no ExecStart="));
    Exit::Usage
}

/// Our own path is unknown.
pub(crate) fn no_path() -> Exit {
    notice("cannot tell where pidward lies: /proc/self/exe cannot be read");
    Exit::Unknown
}

/// Without the library there is little to drop in.
pub(crate) fn no_library(why: &Unusable) -> Exit {
    let path = match why {
        Unusable::Missing(path) | Unusable::Unreadable(path, _) | Unusable::Foreign(path) => path,
    };
    advice(
        &format!("the library {} cannot be used", escaped(path)),
        "Install pidward as a whole: a unit is to name its final places.",
    );
    Exit::Unknown
}

/// The drop-in itself.
pub(crate) fn print(text: &str) -> Exit {
    match to_stdout(text) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::Unknown,
    }
}

/// It is in place.
pub(crate) fn installed(file: &Path, unit: &str) -> Exit {
    print(&format!("wrote {}\n{}", escaped(file), next(Some(unit))))
}

/// It is gone; so is its unit where none is given.
pub(crate) fn removed(file: &Path, unit: Option<&String>) -> Exit {
    let next = next(unit.map(String::as_str));
    print(&format!("removed {}\n{next}", escaped(file)))
}

fn next(unit: Option<&str>) -> String {
    let restart = unit.map(|unit| format!(" && systemctl restart {unit}"));
    let restart = restart.unwrap_or_default();
    format!("Now run: systemctl daemon-reload{restart}\n")
}

/// It is not.
pub(crate) fn not_installed(file: &Path, why: &Refused) -> Exit {
    let file = escaped(file);
    match why {
        Refused::NotOurs => advice(
            &format!("{file} was not written by pidward, and stays as it is"),
            "Move it away, or add what \"pidward drop-in\" prints to it.",
        ),
        Refused::Missing => notice(&format!("cannot write {file}: it has no directory")),
        Refused::Failed(error) => notice(&format!("cannot write {file}: {}", cause_of(error))),
    }
    failed(why)
}

/// It stays.
pub(crate) fn not_removed(file: &Path, why: &Refused) -> Exit {
    let file = escaped(file);
    match why {
        Refused::NotOurs => notice(&format!("{file} was not written by pidward, and stays")),
        Refused::Missing => notice(&format!("there is no {file}: nothing to remove")),
        Refused::Failed(error) => notice(&format!("cannot remove {file}: {}", cause_of(error))),
    }
    failed(why)
}

fn failed(why: &Refused) -> Exit {
    match why {
        Refused::Failed(error) if error.kind() == io::ErrorKind::PermissionDenied => Exit::Unknown,
        Refused::Missing => Exit::Success,
        Refused::NotOurs | Refused::Failed(_) => Exit::Failed,
    }
}

/// Tells the user of something that the unit takes away.
pub(crate) fn warn(unit: &str, it: &Warning) {
    notice(&format!("{unit}: {}", warning(it)));
}

/// The same as a sentence, fit for a comment.
pub(crate) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::OtherName(name) => {
            let name = escaped_bytes(name.as_bytes());
            format!("the command is called by its path and no more as {name}; it sees that in its arguments")
        }
        Warning::Shells => "a command is a line for a shell (|), and stays as it is: put \"pidward run --\" before the daemon in it".to_owned(),
        Warning::NoPidfile => "Type=forking without a known pidfile: systemd has to guess the main process, and the guard is another one to \
             choose from. Ask again while the service runs, or add PIDFile= to the unit"
            .to_owned(),
        Warning::Filter(key) => format!(
            "{key}= is a filter on the library and the guard too: the library leaves the work to the guard, and what the guard \
             needs has to be let through (@system-service does)"
        ),
        Warning::OtherRoot(key) => {
            format!("{key}= has the daemon see another root: pidward has to be in that, under the same paths")
        }
        Warning::Hidden(key, path) => {
            format!("{key}= hides {}, where pidward lies: the daemon would not start", escaped(path))
        }
        Warning::PrivatePidfile => {
            "PrivateTmp= has a /tmp of the unit's own: nobody else sees that pidfile, and no sweep".to_owned()
        }
        Warning::NoBoot => {
            "ProcSubset=pid hides the boot's identity: there is no record, and status cannot prove which process is meant".to_owned()
        }
        Warning::Privileged(program) => format!(
            "{} gains rights when it is executed: the library is not loaded into it, and the guard does the work",
            escaped(program.as_ref())
        ),
    }
}
