//! The lines for a service of sysvinit: in the file of settings that its script reads, they have all that it starts preload the
//! library.

use std::fs;
use std::path::{Path, PathBuf};

/// What the lines stand between, in a file that is somebody else's.
const BEGIN: &str = "# pidward begin: written by \"pidward drop-in sysv\"\n";
const END: &str = "# pidward end\n";

/// Why there is nothing to add.
#[derive(Debug)]
pub(crate) enum NoScript {
    /// No name of a service.
    BadName,
    /// There is no such script.
    NotFound(PathBuf),
    /// It reads no file of settings; the lines would have to be in itself.
    ReadsNothing(PathBuf),
}

/// The file of settings that the script of this service reads.
pub(super) fn settings(name: &str) -> Result<PathBuf, NoScript> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(NoScript::BadName);
    }
    let script = Path::new("/etc/init.d").join(name);
    let Ok(text) = fs::read(&script) else {
        return Err(NoScript::NotFound(script));
    };
    let mut text = String::from_utf8_lossy(&text).into_owned();
    // What it includes itself, dnsmasq for one.
    let included: Vec<String> = included(&text)
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect();
    text.extend(included);
    let reads =
        |path: &str| path == format!("/etc/default/{name}") || path.starts_with("/etc/default/$");
    match included_paths(&text).any(reads) {
        true => Ok(Path::new("/etc/default").join(name)),
        false => Err(NoScript::ReadsNothing(script)),
    }
}

/// The paths behind a `.` in a script of the shell's.
fn included_paths(text: &str) -> impl Iterator<Item = &str> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(|line| {
        let mut words = line.split_whitespace();
        std::iter::from_fn(move || {
            words.by_ref().find(|word| *word == ".")?;
            words.next().map(|path| path.trim_matches(['"', ';']))
        })
    })
}

fn included(text: &str) -> impl Iterator<Item = &str> {
    included_paths(text).filter(|path| path.starts_with('/') && !path.contains('$'))
}

/// The lines. They do nothing once pidward is gone.
pub(super) fn lines(library: &Path) -> String {
    let library = library.display();
    format!(
        "{BEGIN}if [ -e '{library}' ]; then\n    LD_PRELOAD='{library}'\n    export LD_PRELOAD\nfi\n{END}"
    )
}

/// The text without our lines; what was around them is as it was.
pub(super) fn without_ours(text: &str) -> String {
    let ours = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{after}"))
    });
    ours.unwrap_or_else(|| text.to_owned())
}

/// The text with our lines at its end, once.
pub(super) fn with_ours(text: &str, lines: &str) -> String {
    let mut text = without_ours(text);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text + lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_come_once_and_go_without_a_trace() {
        let lines = lines(Path::new("/lib.so"));
        for text in ["", "A=1\n"] {
            let once = with_ours(text, &lines);
            assert_eq!(with_ours(&once, &lines), once);
            assert_eq!(without_ours(&once), text);
        }
        assert_eq!(with_ours("A=1", &lines), format!("A=1\n{lines}"));
    }

    #[test]
    fn what_a_script_includes_is_found() {
        let text = "# . /no\n[ -r /etc/default/x ] && . /etc/default/x\n  . \"/a b\"\n";
        assert_eq!(included_paths(text).next(), Some("/etc/default/x"));
    }
}
