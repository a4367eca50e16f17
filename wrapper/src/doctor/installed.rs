//! The library and the guard, where `run` looks for them, and what keeps them from their work.

use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, faccessat};

use super::elf::{Elf, Machine, NoElf};
use super::program::interpreter;
use crate::environment::Environment;
use crate::parts::{self, Unusable};

/// The library and the guard.
#[derive(Debug)]
pub(crate) struct Installed {
    /// The library, if it can be loaded.
    pub(crate) library: Result<PathBuf, Unusable>,
    /// What the library is made for, or what pidward is.
    pub(crate) machine: Option<Machine>,
    /// The library is on a mount from which nothing is executed, and so nothing loaded.
    pub(crate) library_noexec: bool,
    /// Where the guard is, or belongs.
    pub(crate) guard: PathBuf,
    /// What keeps it from being executed.
    pub(crate) guard_fault: Option<Fault>,
}

/// What is wrong with the guard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The kernel says so.
    Refused(Errno),
    /// It is on a mount from which nothing is executed.
    NoExec,
    /// It is no program of this machine.
    Foreign,
    /// It is a directory, a FIFO, a device.
    NotRegular,
    /// It is neither a whole program nor a script.
    Damaged,
}

impl Installed {
    /// Looks for them.
    pub(crate) fn look(environment: &Environment) -> Self {
        let library = parts::library();
        let guard = parts::guard(environment);
        let own = || Elf::of(Path::new("/proc/self/exe")).ok();
        let elf = library
            .as_deref()
            .ok()
            .and_then(|it| Elf::of(it).ok())
            .or_else(own);
        Self {
            machine: elf.map(|elf| elf.machine),
            library_noexec: library.as_deref().is_ok_and(is_noexec),
            library,
            guard_fault: fault(&guard),
            guard,
        }
    }

    /// Whether this is the file of the installed library, by whatever path.
    pub(crate) fn is_library(&self, device: u64, inode: u64) -> bool {
        use std::os::unix::fs::MetadataExt;
        let file = self
            .library
            .as_deref()
            .ok()
            .and_then(|it| fs::metadata(it).ok());
        file.is_some_and(|file| (file.dev(), file.ino()) == (device, inode))
    }
}

fn fault(guard: &Path) -> Option<Fault> {
    if is_noexec(guard) {
        return Some(Fault::NoExec);
    }
    // All that is there may be "executed" as well.
    if fs::metadata(guard).is_ok_and(|it| !it.is_file()) {
        return Some(Fault::NotRegular);
    }
    if let Err(error) = faccessat(AT_FDCWD, guard, AccessFlags::X_OK, AtFlags::AT_EACCESS) {
        return Some(Fault::Refused(error));
    }
    let own = Elf::of(Path::new("/proc/self/exe")).ok()?;
    match Elf::of(guard) {
        Ok(elf) if elf.machine != own.machine => Some(Fault::Foreign),
        Err(NoElf::OtherMachine) => Some(Fault::Foreign),
        Ok(elf) if !elf.can_start => Some(Fault::Damaged),
        // A script may start it, where the user named one.
        Err(NoElf::Other) if interpreter(guard).is_none() => Some(Fault::Damaged),
        // Who executes it need not be able to read it.
        Ok(_) | Err(NoElf::Other | NoElf::Unreadable(_)) => None,
    }
}

fn is_noexec(path: &Path) -> bool {
    statvfs(path).is_ok_and(|it| it.flags().contains(FsFlags::ST_NOEXEC))
}
