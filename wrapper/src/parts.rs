//! Where the library and the guard lie, and whether the library is one that can be loaded.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// The library that is preloaded.
pub(crate) const LIBRARY: &str = "libpidward.so";

/// The guard's executable.
const GUARD: &str = "pidward-guard";

/// Where distributions put them.
const DISTRIBUTION: &str = "/usr/lib/pidward";

/// Why there is no library to preload.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It is in none of the directories; this is where it belongs.
    Missing(PathBuf),
    /// It cannot be opened or read.
    Unreadable(PathBuf, io::Error),
    /// It is no shared object, or one of another kind of machine.
    Foreign(PathBuf),
}

/// The library.
///
/// # Errors
/// [`Unusable`], when the dynamic linker could not load it.
pub(crate) fn library() -> Result<PathBuf, Unusable> {
    let path = find(LIBRARY);
    let head = match head(&path) {
        Ok(head) => head,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Unusable::Missing(path));
        }
        // A directory, or shorter than the head of an ELF file.
        Err(error) if error.raw_os_error().is_none() => return Err(Unusable::Foreign(path)),
        Err(error) => return Err(Unusable::Unreadable(path, error)),
    };
    // What pidward itself was built for is what the library has to be built for.
    let own = head_of_own_executable();
    if head.is_shared_object()
        && head.is_whole()
        && own.is_none_or(|own| own.machine() == head.machine())
    {
        Ok(path)
    } else {
        Err(Unusable::Foreign(path))
    }
}

/// The guard: the one that the environment names, unless we have privileges that the caller has not; else the
/// installed one, which may be missing.
pub(crate) fn guard(environment: &Environment) -> PathBuf {
    let named = environment
        .get_unless_secure("PIDWARD_GUARD_EXE")
        .filter(|path| !path.is_empty());
    named.map_or_else(|| find(GUARD), PathBuf::from)
}

/// The part beside the executable, as built; else in `../lib/pidward`, as installed; else in the
/// distribution's directory. When it is nowhere, the path where it should have been installed.
fn find(name: &str) -> PathBuf {
    let mut places = Vec::new();
    if let Ok(executable) = std::env::current_exe()
        && let Some(directory) = executable.parent()
    {
        places.push(directory.join(name));
        if let Some(prefix) = directory.parent() {
            places.push(prefix.join("lib/pidward").join(name));
        }
    }
    places.push(Path::new(DISTRIBUTION).join(name));
    let found = places.iter().position(|place| place.exists());
    places.swap_remove(found.unwrap_or(places.len().min(2) - 1))
}

/// The beginning of an ELF file, elf(5), and the file's length.
struct Head([u8; HEAD], u64);

/// The length of that beginning on this machine: three of its fields are of a word.
const HEAD: usize = 0x28 + 3 * size_of::<usize>();

impl Head {
    /// `ET_DYN`, in the byte order of this machine; another order is another machine anyway.
    fn is_shared_object(&self) -> bool {
        const ET_DYN: u16 = 3;
        self.0.starts_with(b"\x7fELF") && u16::from_ne_bytes([self.0[16], self.0[17]]) == ET_DYN
    }

    /// Not cut short: the table of sections, which linkers put last, lies within the file. A process that loads a
    /// library dies of SIGBUS where the file ends too early.
    fn is_whole(&self) -> bool {
        const TABLE: usize = 0x18 + 2 * size_of::<usize>();
        const ENTRIES: usize = HEAD - 6;
        let mut table = [0; size_of::<usize>()];
        table.copy_from_slice(&self.0[TABLE..TABLE + size_of::<usize>()]);
        let number = |at: usize| u64::from(u16::from_ne_bytes([self.0[at], self.0[at + 1]]));
        let length = number(ENTRIES) * number(ENTRIES + 2);
        (usize::from_ne_bytes(table) as u64).saturating_add(length) <= self.1
    }

    /// Word size, byte order and kind of machine.
    fn machine(&self) -> [u8; 4] {
        [self.0[4], self.0[5], self.0[18], self.0[19]]
    }
}

fn head(path: &Path) -> io::Result<Head> {
    // Before it is opened, because that waits on a FIFO.
    let file = std::fs::metadata(path)?;
    if !file.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut head = [0; HEAD];
    File::open(path)?.read_exact(&mut head)?;
    Ok(Head(head, file.len()))
}

fn head_of_own_executable() -> Option<Head> {
    head(Path::new("/proc/self/exe")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    #[test]
    fn a_library_of_another_machine_is_told_from_ours() {
        let own = head_of_own_executable().unwrap();
        let mut other = Head(own.0, own.1);
        other.0[18] ^= 1;
        assert!(own.machine() == Head(own.0, 0).machine() && own.machine() != other.machine());
        assert!(!Head([0; HEAD], 0).is_shared_object());
    }

    #[test]
    fn a_library_that_was_cut_short_is_told_from_a_whole_one() {
        let own = head_of_own_executable().unwrap();
        assert!(own.is_whole() && !Head(own.0, own.1 / 2).is_whole());
    }

    #[test]
    fn the_environment_may_name_the_guard() {
        let environment = |entry: &str| Environment::new(vec![CString::new(entry).unwrap()]);
        assert_eq!(
            guard(&environment("PIDWARD_GUARD_EXE=/x/g")),
            Path::new("/x/g")
        );
        assert!(guard(&environment("PIDWARD_GUARD_EXE=")).ends_with(GUARD));
    }
}
