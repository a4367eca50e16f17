//! Control groups of a test's own: in one hierarchy, as systemd has them, and gone when the test is done.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing};
use pidward_tests::process::Process;

/// Where they can be made. The second is that of a machine with both versions.
const HIERARCHIES: [&str; 3] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/systemd",
];

/// A control group, and those below that were made through it.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// In a hierarchy that pidward looks at, and only there.
    pub(crate) fn new() -> Checked<Self> {
        let own = fs::read_link("/proc/self/ns/pid").doing("name a cgroup")?;
        let name = format!("pidward-test-{}", own.display());
        let procs = |place: &&&str| Path::new(place).join("cgroup.procs").exists();
        let place = HIERARCHIES.iter().find(procs).ok_or("none is mounted");
        let path = Path::new(place.doing("make a cgroup")?).join(name);
        fs::create_dir(&path).doing("make a cgroup")?;
        Ok(Self(path))
    }

    /// The file that takes who is to be in it.
    pub(crate) fn procs(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }

    /// Puts a process into the group of this path below, as systemd names those of its units.
    pub(crate) fn holds(&self, pid: i32, below: &str) -> Checked {
        let group = self.0.join(below);
        fs::create_dir_all(&group).doing("make a cgroup")?;
        fs::write(group.join("cgroup.procs"), pid.to_string()).doing("put it into a cgroup")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        clear(&self.0);
    }
}

/// Removes the group with all below, and ends those that should have left, and have not.
fn clear(group: &Path) {
    let below = fs::read_dir(group).into_iter().flatten().flatten();
    let groups = below.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir()));
    groups.for_each(|entry| clear(&entry.path()));
    let left = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let left = left
        .lines()
        .filter_map(|pid| Process::living(pid.parse().ok()?));
    for process in left {
        let _ = process.signal(Signal::SIGKILL);
        let _ = process.dies_by(Deadline::seconds(4));
    }
    let _ = fs::remove_dir(group);
}
