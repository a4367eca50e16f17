//! An own block in a file that is somebody else's: marked lines at its end, which come and go and leave all else as it was.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::ending::Obstacle;
use crate::regular;

const BEGIN: &str = "# pidward begin (";
const END: &str = "# pidward end\n";

/// What removal takes away besides the block, as its first line says it.
const ALONE: &str = "takes this out)\n";
const WITH_NEWLINE: &str = "takes this out, and the end of the line before)\n";
const WITH_FILE: &str = "takes this file away)\n";

/// What was done to the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    /// The block is in it now.
    Written,
    /// It was there already.
    ThereBefore,
    /// The block is gone.
    Removed,
    /// There was none.
    None,
}

/// Why the file stays as it is.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The block in it has no end, or none of our beginnings.
    Damaged,
    /// It is no regular file.
    NotRegular,
    /// It is a symbolic link to this, which is not there.
    Dangling(PathBuf),
    /// The file has so many names, and would be another one under this name afterwards.
    OtherNames(u64),
    /// The system does not let us.
    Failed(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The block as it is in a file that was not there before, or ended with its last line.
pub(crate) fn text(remover: &str, lines: &str) -> String {
    marked(remover, ALONE, lines)
}

fn marked(remover: &str, what: &str, lines: &str) -> String {
    format!("{BEGIN}\"{remover}\" {what}{lines}{END}")
}

/// Puts the block at the end of the file, which is made if it is not there.
///
/// # Errors
/// [`Refused`]; the file is as it was then.
pub(crate) fn install(file: &Path, remover: &str, lines: &str) -> Result<Done, Refused> {
    let old = Old::read(file)?;
    let before = old.as_ref().map(|old| old.text.as_slice());
    let new = with(before, remover, lines).ok_or(Refused::Damaged)?;
    if before == Some(&new) {
        return Ok(Done::ThereBefore);
    }
    match old {
        Some(old) => replace(&old.path, &new, Some(&old.metadata))?,
        None => replace(file, &new, None)?,
    }
    Ok(Done::Written)
}

/// Takes the block out again.
///
/// # Errors
/// [`Refused`]; the file is as it was then.
pub(crate) fn remove(file: &Path) -> Result<Done, Refused> {
    let Some(old) = Old::read(file)? else {
        return Ok(Done::None);
    };
    match without(&old.text).ok_or(Refused::Damaged)? {
        Without::Same => return Ok(Done::None),
        Without::Nothing => fs::remove_file(&old.path)?,
        Without::Text(text) => replace(&old.path, &text, Some(&old.metadata))?,
    }
    Ok(Done::Removed)
}

/// What keeps the block from being executed at its place, before it; of a file that is not there nothing does.
///
/// # Errors
/// [`Refused`].
pub(crate) fn obstacle(file: &Path) -> Result<Option<Obstacle>, Refused> {
    let Some(old) = Old::read(file)? else {
        return Ok(None);
    };
    let block = find(&old.text).ok_or(Refused::Damaged)?;
    let before = block.map_or(old.text.as_slice(), |block| block.before);
    Ok(Obstacle::of(&String::from_utf8_lossy(before))?)
}

/// A file as it is.
struct Old {
    /// Behind all symbolic links, which stay.
    path: PathBuf,
    metadata: Metadata,
    text: Vec<u8>,
}

impl Old {
    /// None when there is no such file.
    fn read(file: &Path) -> Result<Option<Self>, Refused> {
        let path = match file.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return fs::read_link(file).map_or(Ok(None), |to| Err(Refused::Dangling(to)));
            }
            Err(error) => return Err(error.into()),
        };
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(Refused::NotRegular);
        }
        if metadata.nlink() > 1 {
            return Err(Refused::OtherNames(metadata.nlink()));
        }
        let text = regular::read(&path)?;
        Ok(Some(Self {
            path,
            metadata,
            text,
        }))
    }
}

/// The file as a whole or not at all, with the mode and the owner that it had.
pub(super) fn replace(file: &Path, text: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    fs::create_dir_all(directory)?;
    let name = format!(".{}.{}", name.to_string_lossy(), std::process::id());
    let new = directory.join(name);
    let written = write(&new, text, like).and_then(|()| fs::rename(&new, file));
    written.inspect_err(|_| {
        // What is not there needs no removal.
        let _ = fs::remove_file(&new);
    })
}

fn write(new: &Path, text: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    file.write_all(text)?;
    if let Some(like) = like {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    // After the owner, whose change takes bits away.
    let mode = like.map_or(0o644, |like| like.mode() & 0o7777);
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// The text with the block in it, in its old place if it is there already. None when that one is damaged.
fn with(text: Option<&[u8]>, remover: &str, lines: &str) -> Option<Vec<u8>> {
    let before = text.unwrap_or_default();
    let all = |what, before: &[u8], after: &[u8]| {
        let block = marked(remover, what, lines);
        [before, block.as_bytes(), after].concat()
    };
    let new = match (find(before)?, text) {
        (Some(block), _) => all(block.takes, block.before, block.after),
        (None, None) => all(WITH_FILE, b"", b""),
        (None, Some(_)) if before.is_empty() || before.ends_with(b"\n") => all(ALONE, before, b""),
        (None, Some(_)) => all(WITH_NEWLINE, &[before, b"\n"].concat(), b""),
    };
    Some(new)
}

/// What is left without the block.
#[derive(PartialEq, Eq, Debug)]
enum Without {
    /// There was none.
    Same,
    /// Not even the file.
    Nothing,
    /// All else.
    Text(Vec<u8>),
}

/// None when the block is damaged.
fn without(text: &[u8]) -> Option<Without> {
    let Some(block) = find(text)? else {
        return Some(Without::Same);
    };
    if block.takes == WITH_FILE && block.before.is_empty() && block.after.is_empty() {
        return Some(Without::Nothing);
    }
    // Lines that somebody has added since then need the end of the one before.
    let before = match block.before.strip_suffix(b"\n") {
        Some(line) if block.takes == WITH_NEWLINE && block.after.is_empty() => line,
        _ => block.before,
    };
    Some(Without::Text([before, block.after].concat()))
}

/// A block and what is around it.
struct Found<'a> {
    before: &'a [u8],
    takes: &'static str,
    after: &'a [u8],
}

/// `None` when what begins as our block is none, `Some(None)` when nothing does.
fn find(text: &[u8]) -> Option<Option<Found<'_>>> {
    let starts_line = |at: usize| at == 0 || text.get(at - 1) == Some(&b'\n');
    let begins = positions(text, BEGIN.as_bytes()).find(|&at| starts_line(at));
    let Some(begin) = begins else {
        return Some(None);
    };
    let (before, block) = text.split_at_checked(begin)?;
    let end = positions(block, END.as_bytes()).find(|&at| block.get(at - 1) == Some(&b'\n'))?;
    let (block, after) = block.split_at_checked(end + END.len())?;
    let first = block.split_inclusive(|&byte| byte == b'\n').next()?;
    let takes = [ALONE, WITH_NEWLINE, WITH_FILE];
    let takes = takes
        .into_iter()
        .find(|what| first.ends_with(format!("\" {what}").as_bytes()))?;
    Some(Some(Found {
        before,
        takes,
        after,
    }))
}

fn positions(text: &[u8], part: &[u8]) -> impl Iterator<Item = usize> {
    let windows = text.windows(part.len()).enumerate();
    windows.filter_map(move |(at, window)| (window == part).then_some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "export A=1\n";

    fn added(before: Option<&str>) -> String {
        let new = with(before.map(str::as_bytes), "x --remove", LINES).unwrap();
        String::from_utf8(new).unwrap()
    }

    #[test]
    fn what_was_there_is_there_again_without_it() {
        for before in ["", "A=2\n", "A=2", "\n\n", "# pidward\n"] {
            let new = added(Some(before));
            assert!(new.starts_with(before) && new.contains(LINES));
            let left = without(new.as_bytes());
            assert_eq!(left, Some(Without::Text(before.into())), "{before:?}");
        }
        assert_eq!(without(added(None).as_bytes()), Some(Without::Nothing));
        assert_eq!(without(b"A=2\n"), Some(Without::Same));
    }

    #[test]
    fn it_is_there_once_and_in_its_place() {
        let new = added(Some("A=2\n"));
        assert_eq!(added(Some(&new)), new);
        let moved = format!("{new}B=3\n").replace("A=1", "A=old");
        assert_eq!(added(Some(&moved)), format!("{new}B=3\n"));
    }

    #[test]
    fn lines_that_were_added_after_it_stay_lines() {
        for (before, left) in [
            (Some("A=2"), "A=2\nB=3\n"),
            (Some("A=2\n"), "A=2\nB=3\n"),
            (None, "B=3\n"),
        ] {
            let new = format!("{}B=3\n", added(before));
            let text = Without::Text(left.into());
            assert_eq!(without(new.as_bytes()), Some(text), "{before:?}");
        }
    }

    #[test]
    fn a_damaged_block_is_nobodys() {
        let new = added(Some("A=2\n"));
        for damaged in [
            new.replace("# pidward end", "# pidward"),
            new.replace("takes this out", "takes"),
        ] {
            assert_eq!(without(damaged.as_bytes()), None);
            assert_eq!(with(Some(damaged.as_bytes()), "x", LINES), None);
        }
    }
}
