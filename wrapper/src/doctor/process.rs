//! What the kernel shows of a process. All of it is read through one descriptor of its directory in /proc, so that it is
//! one process's; what is not for us to see is an error.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pidward_identity::AsRawFd;
use pidward_identity::evidence::GUARD_COMM;
use pidward_identity::pid::Pid;
use pidward_identity::proc_stat::{numbers, status_line};
use pidward_identity::process::ProcDir;

use super::installed::Installed;
use super::program::Program;
use super::site::Rights;
use crate::parts::LIBRARY;

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: Pid,
    /// Its name.
    pub(crate) comm: Vec<u8>,
    /// Its rights.
    pub(crate) rights: Rights,
    /// The library that is loaded into it.
    pub(crate) library: io::Result<Option<Loaded>>,
    /// What of its environment matters.
    pub(crate) environment: io::Result<Settings>,
    /// 0 no filter, 1 strict, 2 filters of seccomp(2).
    pub(crate) seccomp: Option<u64>,
    /// `PR_SET_NO_NEW_PRIVS`.
    pub(crate) no_new_privileges: Option<u64>,
    /// It is the first one of a PID namespace.
    pub(crate) is_first: bool,
    /// The label that AppArmor or SELinux has put on it; empty where there are neither.
    pub(crate) label: Option<String>,
    /// Its root directory, as we see it.
    pub(crate) root: io::Result<PathBuf>,
    /// It was locked into a directory, in our mount namespace.
    pub(crate) chrooted: bool,
    /// Of each namespace: whether it is ours.
    pub(crate) namespaces: [(&'static str, Option<bool>); 3],
    /// The unit of systemd that its control group is of.
    pub(crate) unit: Option<String>,
}

/// The library, as it is mapped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Loaded {
    /// Its path.
    pub(crate) path: PathBuf,
    /// It is the file that is installed now.
    pub(crate) is_installed: bool,
}

/// Variables of its environment as it was when the process began.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// `LD_PRELOAD`.
    pub(crate) preload: Option<OsString>,
    /// `PIDWARD_PIDFILE`: what `run -p` has named.
    pub(crate) named: Option<OsString>,
    /// `PIDWARD_GUARD=off`.
    pub(crate) guard_off: bool,
}

/// Why a number cannot be examined.
#[derive(Debug)]
pub(crate) enum NoProcess {
    /// There is none, or none that we may see.
    Gone,
    /// It is a thread of this process.
    Thread(u64),
    /// It is a thread of the kernel's.
    Kernel,
    /// It is dead and waits to be reaped.
    Zombie,
    /// It is a guard.
    Guard,
}

impl Process {
    /// Looks at the process; with it comes the program that it runs.
    ///
    /// # Errors
    /// [`NoProcess`].
    pub(crate) fn look(pid: Pid, installed: &Installed) -> Result<(Self, Program), NoProcess> {
        let proc = ProcDir::open(pid).map_err(|_| NoProcess::Gone)?;
        let (comm, kernel, dead) = proc
            .stat(|it| (it.comm.to_vec(), it.kernel_thread, it.is_dead()))
            .ok_or(NoProcess::Gone)?;
        if kernel {
            return Err(NoProcess::Kernel);
        }
        let value = |key| {
            proc.status(|text| status_line(text, key).and_then(|it| numbers(it).last()))
                .flatten()
        };
        let group = value("Tgid").ok_or(NoProcess::Gone)?;
        if u64::try_from(pid.get()) != Ok(group) {
            return Err(NoProcess::Thread(group));
        }
        if dead {
            return Err(NoProcess::Zombie);
        }
        if comm == GUARD_COMM.to_bytes() {
            return Err(NoProcess::Guard);
        }
        let base = PathBuf::from(format!("/proc/self/fd/{}", proc.as_raw_fd()));
        let credentials = proc.credentials().ok_or(NoProcess::Gone)?;
        let capabilities = proc.status(|text| status_line(text, "CapEff").and_then(hexadecimal));
        let root = fs::read_link(base.join("root"));
        let namespaces = ["mnt", "pid", "user"].map(|name| (name, is_own(&base, name)));
        let exe = fs::read_link(base.join("exe"));
        let program = Program::at(&base.join("exe"), exe.unwrap_or_default());
        let process = Self {
            pid,
            comm,
            rights: Rights {
                uid: credentials.uid,
                groups: credentials.groups.to_vec(),
                capabilities: capabilities.flatten().unwrap_or_default(),
            },
            library: fs::read(base.join("maps")).map(|maps| loaded(&maps, installed)),
            environment: fs::read(base.join("environ")).map(|text| Settings::of(&text)),
            seccomp: value("Seccomp"),
            no_new_privileges: value("NoNewPrivs"),
            is_first: value("NSpid") == Some(1),
            label: label(&base),
            chrooted: namespaces[0].1 == Some(true) && is_elsewhere(&base.join("root")),
            root,
            namespaces,
            unit: fs::read_to_string(base.join("cgroup"))
                .ok()
                .and_then(|text| unit_of(&text).map(str::to_owned)),
        };
        Ok((process, program))
    }
}

/// The library among what is mapped, `proc_pid_maps(5)`: by its file, or by its name.
fn loaded(maps: &[u8], installed: &Installed) -> Option<Loaded> {
    let mut found = None;
    for line in maps.split(|&byte| byte == b'\n') {
        let mut words = line.splitn(6, |&byte| byte == b' ');
        let device = words.nth(3).and_then(device);
        let inode = words
            .next()
            .and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
        let path = words.next().unwrap_or_default().trim_ascii_start();
        let is_installed = device
            .zip(inode)
            .is_some_and(|(device, inode)| inode != 0 && installed.is_library(device, inode));
        let file = path.strip_suffix(b" (deleted)").unwrap_or(path);
        let name = file.rsplit(|&byte| byte == b'/').next();
        if is_installed || name == Some(LIBRARY.as_bytes()) {
            let path = PathBuf::from(OsString::from_vec(path.to_vec()));
            found = Some(Loaded { path, is_installed });
            if is_installed {
                break;
            }
        }
    }
    found
}

/// `fd:01`, as stat(2) has it.
fn device(text: &[u8]) -> Option<u64> {
    let (major, minor) = std::str::from_utf8(text).ok()?.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    Some(rustix::fs::makedev(number(major)?, number(minor)?))
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

impl Settings {
    fn of(text: &[u8]) -> Self {
        let value = |name: &[u8]| {
            let mut entries = text.split(|&byte| byte == 0);
            let value = entries.find_map(|it| it.strip_prefix(name)?.strip_prefix(b"="));
            value.map(|it| OsString::from_vec(it.to_vec()))
        };
        Self {
            preload: value(b"LD_PRELOAD"),
            named: value(b"PIDWARD_PIDFILE"),
            guard_off: value(b"PIDWARD_GUARD").is_some_and(|it| it == "off"),
        }
    }

    /// Whether `run -p` has named this pidfile.
    pub(crate) fn names(&self, pidfile: &Path) -> bool {
        let named = self.named.as_ref().map(|it| it.as_bytes());
        let mut paths = named.unwrap_or_default().split(|&byte| byte == b':');
        paths.any(|path| path == pidfile.as_os_str().as_bytes())
    }
}

/// What the security module says of it, where there is one.
fn label(base: &Path) -> Option<String> {
    let text = fs::read(base.join("attr/apparmor/current"));
    let text = text.or_else(|_| fs::read(base.join("attr/current")));
    match text {
        Ok(text) => {
            let text = text.strip_suffix(b"\0").unwrap_or(&text);
            Some(String::from_utf8_lossy(text.trim_ascii_end()).into_owned())
        }
        // No module answers, or this kernel has none.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) => {
            Some(String::new())
        }
        Err(_) => None,
    }
}

/// The innermost part of a path of `proc_pid_cgroup(5)` that is a service's, in the hierarchy of systemd: the one of
/// cgroups 2, or the one named so.
fn unit_of(text: &str) -> Option<&str> {
    let paths = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        matches!(controllers, "" | "name=systemd").then_some(path)
    });
    paths
        .flat_map(|path| path.rsplit('/').find(|part| part.ends_with(".service")))
        .next()
}

fn is_own(base: &Path, name: &str) -> Option<bool> {
    let id = |path: PathBuf| path.metadata().ok().map(|it| it.ino());
    let own = id(Path::new("/proc/self/ns").join(name))?;
    id(base.join("ns").join(name)).map(|its| its == own)
}

fn is_elsewhere(root: &Path) -> bool {
    let id = |path: &Path| path.metadata().ok().map(|it| (it.dev(), it.ino()));
    id(root).is_some_and(|its| Some(its) != id(Path::new("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_from_what_the_process_began_with() {
        let text = b"A=LD_PRELOAD=x\0LD_PRELOAD=/a.so:/b.so\0PIDWARD_PIDFILE=/run/a.pid:/b\0PIDWARD_GUARD=off\0odd";
        let settings = Settings::of(text);
        assert_eq!(settings.preload, Some("/a.so:/b.so".into()));
        assert!(settings.guard_off);
        assert!(settings.names(Path::new("/b")) && !settings.names(Path::new("/run/a")));
        assert_eq!(Settings::of(b""), Settings::default());
    }

    #[test]
    fn a_unit_is_named_by_the_control_group() {
        for (text, unit) in [
            ("0::/system.slice/nginx.service\n", Some("nginx.service")),
            ("0::/system.slice/a.service/b.slice/x\n", Some("a.service")),
            (
                "4:cpu:/x.service\n1:name=systemd:/system.slice/y.service\n0::/\n",
                Some("y.service"),
            ),
            ("0::/user.slice/user-0.slice/session-1.scope\n", None),
            ("0::/\n", None),
            ("garbled", None),
        ] {
            assert_eq!(unit_of(text), unit, "{text}");
        }
    }
}
