//! A service unit of systemd as it is in force: its file and its drop-ins, systemd.unit(5), without what pidward has added itself.

mod text;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::regular;

/// The drop-in that is ours.
pub(crate) const OWN: &str = "50-pidward.conf";

/// Where units are looked for, the strongest first (systemd.unit(5), "Unit File Load Path").
const PLACES: [&str; 8] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
];

/// Why there is none.
#[derive(Debug)]
pub(crate) enum NoUnit {
    /// No name of a unit.
    BadName,
    /// A unit of another kind.
    NoService,
    /// There is no such file.
    NotFound,
    /// The administrator does not want it to be started: the file is this link to /dev/null, or empty.
    Masked(PathBuf),
    /// This one cannot be read.
    Unreadable(PathBuf, io::Error),
}

/// What a unit says in its sections [Unit] and [Service]; of no other is anything needed here.
#[derive(Debug)]
pub(crate) struct Unit {
    /// With its ending.
    pub(crate) name: String,
    settings: Vec<(String, String)>,
}

impl Unit {
    /// The unit of this name, `.service` or not.
    ///
    /// # Errors
    /// [`NoUnit`].
    pub(crate) fn load(name: &str) -> Result<Self, NoUnit> {
        let name = full_name(name)?;
        let files = match asked(&name) {
            Some(said) => vec![said],
            None => read(&name)?,
        };
        let mut settings = Vec::new();
        for text in &files {
            settings.extend(text::parse(text));
        }
        Ok(Self { name, settings })
    }

    /// What a setting is: its last value.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.all(key).pop()
    }

    /// All values of a setting that is a list; an empty one takes back those before it.
    pub(crate) fn all(&self, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for (_, value) in self.settings.iter().filter(|(its, _)| its == key) {
            match value.as_str() {
                "" => values.clear(),
                value => values.push(value),
            }
        }
        values
    }

    /// Whether a setting is on, systemd.syntax(7).
    pub(crate) fn is_on(&self, key: &str) -> bool {
        const OFF: [&str; 6] = ["0", "no", "false", "off", "n", "f"];
        let is_off = |value: &str| OFF.iter().any(|off| value.eq_ignore_ascii_case(off));
        self.get(key).is_some_and(|value| !is_off(value))
    }
}

/// Whether a unit can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |it: char| it.is_ascii_alphanumeric() || ":-_.\\@".contains(it);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
}

/// The name with its ending, if it is one of a service.
///
/// # Errors
/// [`NoUnit`], when it is none.
pub(crate) fn full_name(name: &str) -> Result<String, NoUnit> {
    if !is_name(name) {
        return Err(NoUnit::BadName);
    }
    const OTHERS: [&str; 10] = [
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    ];
    match name.rsplit_once('.') {
        Some((_, "service")) => Ok(name.to_owned()),
        Some((_, kind)) if OTHERS.contains(&kind) => Err(NoUnit::NoService),
        _ => Ok(format!("{name}.service")),
    }
}

/// What the running systemd has, without our drop-in: `systemctl cat` names each file before its text.
fn asked(name: &str) -> Option<String> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let mut systemctl = Command::new("systemctl");
    systemctl
        .args(["cat", "--no-pager", "--", name])
        .stderr(Stdio::null());
    let output = systemctl
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut is_ours = false;
    let others = said.lines().filter(|line| {
        if let Some(path) = line.strip_prefix("# /") {
            is_ours = path.ends_with(OWN);
        }
        !is_ours
    });
    let text: String = others.flat_map(|line| [line, "\n"]).collect();
    // Of one that is masked it says so and no more: its file tells by what.
    Some(text).filter(|text| text.contains('['))
}

/// The unit's file, and its drop-ins.
fn read(name: &str) -> Result<Vec<String>, NoUnit> {
    // foo@bar.service is made from foo@.service.
    let template = name
        .split_once('@')
        .map(|(before, _)| format!("{before}@.service"));
    let names: Vec<&str> = [Some(name), template.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let places = |below: String| PLACES.map(|place| Path::new(place).join(&below));
    let file = names
        .iter()
        .flat_map(|name| places((*name).to_owned()))
        .find(|path| path.exists())
        .ok_or(NoUnit::NotFound)?;
    let own = text_of(&file)?;
    if own.is_empty() {
        return Err(NoUnit::Masked(file));
    }
    let mut texts = vec![own];
    let mut drop_ins: Vec<PathBuf> = Vec::new();
    let directories = names.iter().flat_map(|name| places(format!("{name}.d")));
    for entry in directories.flat_map(|it| fs::read_dir(it).into_iter().flatten().flatten()) {
        let path = entry.path();
        let named = |other: &PathBuf| other.file_name() == path.file_name();
        let is_one = path.extension() == Some(OsStr::new("conf"));
        let is_ours = path.file_name() == Some(OsStr::new(OWN));
        // Of two with one name, the stronger one counts alone.
        if is_one && !is_ours && !drop_ins.iter().any(named) {
            drop_ins.push(path);
        }
    }
    drop_ins.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    for path in drop_ins {
        texts.push(text_of(&path)?);
    }
    Ok(texts)
}

/// What is masked has none: systemd.unit(5) has a link to /dev/null in its place.
fn text_of(path: &Path) -> Result<String, NoUnit> {
    if path
        .canonicalize()
        .is_ok_and(|it| it == Path::new("/dev/null"))
    {
        return Ok(String::new());
    }
    regular::read(path)
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .map_err(|error| NoUnit::Unreadable(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> Unit {
        Unit {
            name: "x.service".to_owned(),
            settings: text::parse(text),
        }
    }

    #[test]
    fn lists_are_taken_back() {
        let unit = unit(
            "[Unit]\nSourcePath=/x\n[Service]\nExecStart=/a \\\n# a comment\n  --b\nExecStart=\nExecStart=/c\nExecStart = /d\n\
             [Install]\nType=not\n",
        );
        assert_eq!(unit.all("ExecStart"), ["/c", "/d"]);
        assert_eq!(unit.get("Type"), None);
        assert_eq!(unit.get("SourcePath"), Some("/x"));
    }

    #[test]
    fn only_services_have_a_daemon() {
        assert_eq!(full_name("ssh").unwrap(), "ssh.service");
        assert_eq!(full_name("a.b@c.service").unwrap(), "a.b@c.service");
        assert!(matches!(full_name("ssh.socket"), Err(NoUnit::NoService)));
        for bad in ["", "../x", "a b", ".service"] {
            assert!(matches!(full_name(bad), Err(NoUnit::BadName)), "{bad}");
        }
    }
}
