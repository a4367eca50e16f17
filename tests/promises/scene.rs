//! Where a promise is checked: a directory that each daemon finds empty, the programs, and the files under test.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, rlim_t, setrlimit};
use pidward_tests::failure::{Checked, Doing};
use pidward_tests::world::path;

use crate::programs::{GUARD, LEGACY, NEIGHBOUR};

/// The daemon's current directory, the one where all its files are.
pub(crate) const HOME: &str = "/mnt/daemon";

/// The inside of a promise's namespace.
pub(crate) struct Scene {
    /// The files under test, where they were built.
    pub(crate) release: PathBuf,
    /// A copy of the library, without a guard beside it.
    pub(crate) library: PathBuf,
}

impl Scene {
    /// Sets it in the namespace of this process; `daemon` is the program that all know as LEGACY there.
    pub(crate) fn set(release: PathBuf, programs: &Path, daemon: &str) -> Checked<Self> {
        fs::create_dir(path("programs")).doing("make a place for programs")?;
        let others = [GUARD, NEIGHBOUR].map(|same| (same, same));
        for (from, to) in [(daemon, LEGACY)].into_iter().chain(others) {
            fs::copy(programs.join(from), Self::program(to)).doing(from)?;
        }
        let library = path("programs/libpidward.so");
        fs::copy(release.join("libpidward.so"), &library).doing("copy the library")?;
        Ok(Self { release, library })
    }

    /// Where a program is.
    pub(crate) fn program(name: &str) -> PathBuf {
        path("programs").join(name)
    }

    /// Makes the daemon's directory empty and everybody's, as /tmp is: each file still belongs to its user.
    pub(crate) fn clear(&self) -> Checked {
        if Path::new(HOME).exists() {
            fs::remove_dir_all(HOME).doing("clear the directory")?;
        }
        fs::create_dir(HOME).doing("make the directory")?;
        everybodys(Path::new(HOME))
    }

    /// Does the same with core dumps forbidden, and with as large ones as there are allowed.
    pub(crate) fn with_and_without_cores(&self, each: impl Fn() -> Checked) -> Checked {
        let (least, most) = limits_of_cores()?;
        for limit in [least, most] {
            setrlimit(Resource::RLIMIT_CORE, limit, RLIM_INFINITY).doing("limit cores")?;
            each()?;
        }
        Ok(())
    }

    /// Forbids core dumps.
    pub(crate) fn without_cores(&self) -> Checked {
        let (least, _) = limits_of_cores()?;
        setrlimit(Resource::RLIMIT_CORE, least, RLIM_INFINITY).doing("forbid cores")
    }
}

/// The limits with which there are no core dumps, and as large ones as can be.
fn limits_of_cores() -> Checked<(rlim_t, rlim_t)> {
    // A limit of 1 keeps a program that takes the machine's core dumps from being started for these (core(5)).
    let pattern =
        fs::read_to_string("/proc/sys/kernel/core_pattern").doing("look where cores go")?;
    Ok(if pattern.starts_with('|') {
        (1, 1)
    } else {
        (0, RLIM_INFINITY)
    })
}

/// Lets everybody write into a directory.
pub(crate) fn everybodys(directory: &Path) -> Checked {
    use std::os::unix::fs::PermissionsExt;
    let permissions = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(directory, permissions).doing("open the directory to everybody")
}

/// Writes a file of the daemon's directory.
pub(crate) fn write(name: &str, text: impl AsRef<[u8]>) -> Checked {
    fs::write(file(name), text).doing(name)
}

/// A file of the daemon's directory.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(HOME).join(name)
}
