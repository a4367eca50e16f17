//! What the command inherits: pidward's own environment, with the library and the named pidfiles added.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// An environment as execve(2) wants it. What we do not change stays as it came, order and oddities included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Environment(Vec<CString>);

impl Environment {
    /// Of the entries `NAME=value`.
    pub(crate) fn new(entries: Vec<CString>) -> Self {
        Self(entries)
    }

    /// The entries.
    pub(crate) fn entries(&self) -> &[CString] {
        &self.0
    }

    /// The value of a variable; as getenv(3) the first one, if it is there twice.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .iter()
            .find_map(|entry| value(entry, name))
            .map(OsStr::from_bytes)
    }

    /// The same; none when the kernel started us with privileges that our caller, whose word it is, has not. What pidward
    /// itself goes by is asked so: a switch, a program to start, a place to write to.
    pub(crate) fn get_unless_secure(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|_| !is_secure())
    }

    /// An environment of only those of these variables that are set, for a program of our own: none with such privileges.
    pub(crate) fn only(&self, names: &[&str]) -> Self {
        let wanted = |entry: &&CString| {
            !is_secure() && names.iter().any(|name| value(entry, name).is_some())
        };
        Self(self.0.iter().filter(wanted).cloned().collect())
    }

    /// Gives a variable a value, in its old place.
    fn set(&mut self, name: &str, value_of_it: &OsStr) {
        let text = [name.as_bytes(), b"=", value_of_it.as_bytes()].concat();
        // Values come from paths and from an environment, neither of which can hold a NUL.
        let Ok(entry) = CString::new(text) else {
            return;
        };
        let old = |entry: &CString| value(entry, name).is_some();
        let place = self.0.iter().position(old).unwrap_or(self.0.len());
        self.0.retain(|entry| !old(entry));
        self.0.insert(place, entry);
    }

    /// Makes the dynamic linker load the library, before all others that it is told to; see ld.so(8).
    ///
    /// # Errors
    /// [`Separator`], when the path cannot be written in `LD_PRELOAD`.
    pub(crate) fn preload(&mut self, library: &Path) -> Result<(), Separator> {
        let separator = |byte: &u8| matches!(byte, b' ' | b':');
        let library = library.as_os_str();
        if library.as_bytes().iter().any(separator) {
            return Err(Separator);
        }
        let already = self.get("LD_PRELOAD").unwrap_or_default();
        let mut loaded = already.as_bytes().split(|byte| separator(byte));
        if !loaded.any(|path| path == library.as_bytes()) {
            let all = joined(library, already);
            self.set("LD_PRELOAD", &all);
        }
        Ok(())
    }

    /// Names a pidfile to the library, behind those already named.
    ///
    /// # Errors
    /// [`Separator`], when the path has a colon.
    pub(crate) fn name_pidfile(&mut self, pidfile: &Path) -> Result<(), Separator> {
        let pidfile = pidfile.as_os_str();
        if pidfile.as_bytes().contains(&b':') {
            return Err(Separator);
        }
        let named = self
            .get_unless_secure("PIDWARD_PIDFILE")
            .unwrap_or_default();
        let mut paths = named.as_bytes().split(|&byte| byte == b':');
        if !paths.any(|path| path == pidfile.as_bytes()) {
            let all = joined(named, pidfile);
            self.set("PIDWARD_PIDFILE", &all);
        }
        Ok(())
    }
}

/// Whether we have such privileges (`AT_SECURE`, getauxval(3)).
#[expect(unsafe_code, reason = "getauxval has no wrapper")]
fn is_secure() -> bool {
    // SAFETY: it only reads what the kernel left on our stack, and knows no invalid argument.
    (unsafe { libc::getauxval(libc::AT_SECURE) }) != 0
}

/// The path has a character that separates paths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Separator;

/// The value, when the entry is of this variable.
fn value<'a>(entry: &'a CString, name: &str) -> Option<&'a [u8]> {
    entry
        .to_bytes()
        .strip_prefix(name.as_bytes())?
        .strip_prefix(b"=")
}

/// Both with a colon between them, if there are two.
fn joined(first: &OsStr, second: &OsStr) -> OsString {
    let parts = [first.as_bytes(), second.as_bytes()];
    let parts: Vec<&[u8]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    OsString::from_vec(parts.join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(entries: &[&str]) -> Environment {
        Environment(
            entries
                .iter()
                .map(|&entry| CString::new(entry).unwrap())
                .collect(),
        )
    }

    #[test]
    fn the_library_is_loaded_first_and_once() {
        for (before, after) in [
            (&[][..], "LD_PRELOAD=/p/lib.so"),
            (&["LD_PRELOAD="], "LD_PRELOAD=/p/lib.so"),
            (
                &["LD_PRELOAD=/a.so b.so"],
                "LD_PRELOAD=/p/lib.so:/a.so b.so",
            ),
            (
                &["LD_PRELOAD=/a.so /p/lib.so"],
                "LD_PRELOAD=/a.so /p/lib.so",
            ),
            (
                &["LD_PRELOAD=/a.so:/p/lib.so:"],
                "LD_PRELOAD=/a.so:/p/lib.so:",
            ),
            (
                &["LD_PRELOAD=/p/lib.so.1"],
                "LD_PRELOAD=/p/lib.so:/p/lib.so.1",
            ),
        ] {
            let mut after_it = environment(before);
            assert_eq!(after_it.preload(Path::new("/p/lib.so")), Ok(()));
            assert_eq!(after_it, environment(&[after]), "{before:?}");
        }
    }

    #[test]
    fn a_path_that_would_be_taken_for_two_is_not_added() {
        let mut plain = environment(&["A=b"]);
        assert_eq!(plain.preload(Path::new("/my dir/lib.so")), Err(Separator));
        assert_eq!(plain.preload(Path::new("/a:b/lib.so")), Err(Separator));
        assert_eq!(
            plain.name_pidfile(Path::new("/run/a:b.pid")),
            Err(Separator)
        );
        assert_eq!(plain, environment(&["A=b"]));
    }

    #[test]
    fn named_pidfiles_are_added_behind_those_named_before() {
        let mut named = environment(&[]);
        for pidfile in ["/run/a.pid", "/run/b b.pid", "/run/a.pid"] {
            named.name_pidfile(Path::new(pidfile)).unwrap();
        }
        assert_eq!(
            named,
            environment(&["PIDWARD_PIDFILE=/run/a.pid:/run/b b.pid"])
        );
    }

    #[test]
    fn what_is_not_ours_stays_as_it_came() {
        let mut odd = environment(&["odd", "A=1", "LD_PRELOAD=x", "A=2", "LD_PRELOAD_=y", "=z"]);
        odd.preload(Path::new("/l")).unwrap();
        let expected = [
            "odd",
            "A=1",
            "LD_PRELOAD=/l:x",
            "A=2",
            "LD_PRELOAD_=y",
            "=z",
        ];
        assert_eq!(odd, environment(&expected));
        assert_eq!(odd.get("A"), Some(OsStr::new("1")));
        assert_eq!(odd.only(&["A", "B"]), environment(&["A=1", "A=2"]));
    }
}
