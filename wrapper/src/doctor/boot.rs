//! What sweeps at boot, under which init.

use std::fs;
use std::path::{Path, PathBuf};

/// The unit of systemd.
pub(crate) const UNIT: &str = "pidward-sweep.service";
/// The script of sysvinit and OpenRC.
pub(crate) const SCRIPT: &str = "pidward-sweep";

/// Where systemd finds units, systemd.unit(5), the first one first.
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// What starts the services here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Init {
    Systemd,
    OpenRc,
    Sysvinit,
    /// Nothing that is known: a container, mostly.
    Other,
}

impl Init {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::OpenRc => "OpenRC",
            Self::Sysvinit => "sysvinit",
            Self::Other => "none",
        }
    }
}

/// The sweep at boot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Boot {
    /// Who would start it.
    pub(crate) init: Init,
    /// Its unit or script, if it is installed.
    pub(crate) file: Option<PathBuf>,
    /// It is started at boot.
    pub(crate) enabled: bool,
}

impl Boot {
    /// Looks for it.
    pub(crate) fn look() -> Self {
        let init = init();
        let file = file(init);
        let enabled = file.is_some() && links(init).iter().any(|link| link.exists());
        Self {
            init,
            file,
            enabled,
        }
    }
}

/// As sd_booted(3) and rc(8) tell it; what else has runlevels is sysvinit.
fn init() -> Init {
    let is_there = |path: &str| Path::new(path).exists();
    if is_there("/run/systemd/system") {
        Init::Systemd
    } else if is_there("/run/openrc/softlevel") {
        Init::OpenRc
    } else if is_there("/run/initctl") || is_there("/dev/initctl") || is_there("/run/runlevel") {
        Init::Sysvinit
    } else {
        Init::Other
    }
}

fn file(init: Init) -> Option<PathBuf> {
    let places = match init {
        Init::Systemd => UNITS.map(|it| Path::new(it).join(UNIT)).to_vec(),
        Init::OpenRc | Init::Sysvinit => vec![Path::new("/etc/init.d").join(SCRIPT)],
        Init::Other => Vec::new(),
    };
    let file = places
        .into_iter()
        .find(|it| it.symlink_metadata().is_ok())?;
    // One that is masked is a link to /dev/null, or empty.
    fs::metadata(&file)
        .is_ok_and(|it| it.is_file() && it.len() > 0)
        .then_some(file)
}

/// The links that have it started.
fn links(init: Init) -> Vec<PathBuf> {
    match init {
        Init::Systemd => UNITS
            .iter()
            .flat_map(|it| in_each(it, ".wants", UNIT))
            .collect(),
        Init::OpenRc => in_each("/etc/runlevels", "", SCRIPT),
        Init::Sysvinit => {
            let entries = fs::read_dir("/etc/rcS.d").into_iter().flatten().flatten();
            let links = entries.filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with('S') && name.get(3..) == Some(SCRIPT)
            });
            links.map(|entry| entry.path()).collect()
        }
        Init::Other => Vec::new(),
    }
}

/// The name in each directory there that is called so at its end.
fn in_each(top: &str, end: &str, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(top).into_iter().flatten().flatten();
    let entries = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(end));
    entries.map(|entry| entry.path().join(name)).collect()
}
