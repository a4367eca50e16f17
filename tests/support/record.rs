//! The record beside a pidfile, read as anybody may read it: `key value` lines, the last one `end`.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::failure::{Checked, Doing};

/// A complete record.
#[derive(Debug)]
pub struct Record {
    values: HashMap<String, String>,
}

impl Record {
    /// Where the record of `pidfile` is.
    #[must_use]
    pub fn path(pidfile: &Path) -> PathBuf {
        let mut path = pidfile.as_os_str().to_owned();
        path.push(".ward");
        path.into()
    }

    /// Reads it; none while it is absent or incomplete.
    #[must_use]
    pub fn read(pidfile: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(Self::path(pidfile)).ok()?)
    }

    /// The text of a record that is bound to this pidfile as that is now, and says what this one says otherwise.
    ///
    /// # Errors
    /// When there is no such pidfile.
    pub fn bound_to(text: &str, pidfile: &Path) -> Checked<String> {
        let file = pidfile.metadata().doing("look at the pidfile")?;
        let line = |line: &str| match line.split(' ').next() {
            Some("file") => format!("file {}\n", file.ino()),
            Some("written") => {
                let (seconds, nanoseconds) = (file.mtime(), file.mtime_nsec());
                format!("written {seconds}.{nanoseconds:09} {}\n", file.size())
            }
            _ => format!("{line}\n"),
        };
        Ok(text.lines().map(line).collect())
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.strip_prefix("pidward 1\n")?.strip_suffix("end\n")?;
        let pairs = lines.lines().filter_map(|line| line.split_once(' '));
        Some(Self {
            values: pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// Whether it was written for the file that `pidfile` is now.
    #[must_use]
    pub fn is_of(&self, pidfile: &Path) -> bool {
        let inode = fs::metadata(pidfile).map(|file| file.ino().to_string());
        inode.ok().as_ref() == self.values.get("file")
    }

    /// A value that is a process's number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<i32> {
        self.values.get(key)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn a_record_without_its_last_line_is_none() {
        assert!(Record::parse("pidward 1\npid 12\n").is_none());
        assert_eq!(
            Record::parse("pidward 1\npid 12\nend\n").and_then(|record| record.number("pid")),
            Some(12)
        );
    }
}
