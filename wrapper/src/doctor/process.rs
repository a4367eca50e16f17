//! What the kernel shows of a process. All of it is read through one descriptor of its directory in /proc, so that it is
//! one process's; what is not for us to see is an error.

use std::ffi::{OsStr, OsString};
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

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::installed::Installed;
use super::program::Program;
use super::site::Rights;
use crate::parts::LIBRARY;
use crate::unit;

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: Pid,
    /// Its number in its own PID namespace: what it writes.
    pub(crate) own_number: Option<u64>,
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
    /// It gained rights when it was executed (`AT_SECURE`, getauxval(3)): the dynamic linker preloaded nothing.
    pub(crate) secure: Option<bool>,
    /// The label that AppArmor or SELinux has put on it; empty where there are neither.
    pub(crate) label: Option<String>,
    /// Its root directory, as we see it.
    pub(crate) root: io::Result<PathBuf>,
    /// It was locked into a directory, in our mount namespace.
    pub(crate) chrooted: bool,
    /// Of each namespace: whether it is ours.
    pub(crate) namespaces: [(&'static str, Option<bool>); 3],
    /// The unit of systemd that its control group is of.
    pub(crate) unit: Option<Service>,
}

/// A unit of systemd.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) manager: Manager,
}

/// Which systemd has started it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manager {
    /// The machine's.
    System,
    /// A user's.
    User,
    /// That of another PID namespace: a container's.
    Container,
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
            own_number: value("NSpid"),
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
            secure: fs::read(base.join("auxv"))
                .ok()
                .and_then(|vector| is_secure(&vector)),
            label: label(&base),
            chrooted: namespaces[0].1 == Some(true) && is_elsewhere(&base.join("root")),
            root,
            namespaces,
            unit: fs::read_to_string(base.join("cgroup"))
                .ok()
                .and_then(|text| Service::of(&text, namespaces[1].1 == Some(false))),
        };
        Ok((process, program))
    }
}

/// `AT_SECURE` in the auxiliary vector, `proc_pid_auxv(5)`: pairs of words, as this machine has them.
fn is_secure(vector: &[u8]) -> Option<bool> {
    const WORD: usize = size_of::<usize>();
    let (words, _) = vector.as_chunks::<WORD>();
    let (pairs, _) = words.as_chunks::<2>();
    let mut pairs = pairs.iter().map(|pair| pair.map(usize::from_ne_bytes));
    let secure = usize::try_from(libc::AT_SECURE).ok()?;
    pairs.find_map(|[key, value]| (key == secure).then_some(value != 0))
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

impl Service {
    /// The innermost part of a path of `proc_pid_cgroup(5)` that is a service's, in the hierarchy of systemd: the one of
    /// cgroups 2, or the one named so. Whoever has a part of the hierarchy for himself may name groups as he likes.
    fn of(text: &str, is_contained: bool) -> Option<Self> {
        let paths = text.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            matches!(controllers, "" | "name=systemd").then_some(path)
        });
        let is_one = |part: &&str| part.ends_with(".service") && unit::is_name(part);
        let found = |path: &str| {
            let (before, name) = path
                .match_indices('/')
                .map(|(at, _)| path.split_at(at))
                .map(|(before, rest)| (before, rest.split('/').nth(1).unwrap_or_default()))
                .rfind(|(_, part)| is_one(part))?;
            // Its own manager is a service of the machine's.
            let is_users = before.split('/').any(|part| part.starts_with("user@"));
            let manager = match is_users {
                _ if is_contained => Manager::Container,
                true => Manager::User,
                false => Manager::System,
            };
            let name = name.to_owned();
            Some(Self { name, manager })
        };
        paths.filter_map(found).next()
    }

    /// Whether it is the machine's.
    pub(crate) fn of_system(&self) -> Option<&str> {
        (self.manager == Manager::System).then_some(self.name.as_str())
    }
}

impl Process {
    /// The pidfiles that `run -p` has named to it, as we reach them.
    pub(crate) fn named(&self) -> Vec<PathBuf> {
        let settings = self.environment.as_ref().ok();
        let named = settings
            .and_then(|it| it.named.as_deref())
            .unwrap_or_default();
        let paths = named.as_bytes().split(|&byte| byte == b':');
        let paths = paths.filter(|path| !path.is_empty());
        paths
            .map(|path| self.path_to(Path::new(OsStr::from_bytes(path))))
            .collect()
    }

    /// How we reach what it calls by this path.
    pub(crate) fn path_to(&self, path: &Path) -> PathBuf {
        let directory = path.parent().and_then(|it| self.directory_of(it));
        directory
            .zip(path.file_name())
            .map_or_else(|| path.to_owned(), |(directory, name)| directory.join(name))
    }

    /// How we reach what it calls by this path of a directory, if we call another one so. A unit's sandbox has other mounts, and
    /// mostly the same files. A symbolic link in a container, as /var/run is one, leads from the container's root.
    pub(crate) fn directory_of(&self, directory: &Path) -> Option<PathBuf> {
        let has_our_files = self.namespaces[0].1 != Some(false);
        if has_our_files {
            return None;
        }
        let below = |path: &Path| {
            path.strip_prefix("/")
                .ok()
                .map(|it| self.root_by_number().join(it))
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(
            CWD,
            self.root_by_number().as_os_str().as_bytes(),
            flags,
            Mode::empty(),
        );
        let its = root.and_then(|root| {
            let name = directory.as_os_str().as_bytes();
            openat2(root, name, flags, Mode::empty(), ResolveFlags::IN_ROOT)
        });
        let Ok(its) = its else {
            return below(directory);
        };
        let its = PathBuf::from(format!("/proc/self/fd/{}", its.as_raw_fd()));
        let id = |path: &Path| path.metadata().ok().map(|it| (it.dev(), it.ino()));
        if id(&its) == id(directory) {
            return None;
        }
        // Without its links, if it is not locked into a directory there.
        let real = below(&fs::read_link(&its).ok()?).filter(|real| id(real) == id(&its));
        real.or_else(|| below(directory))
    }

    /// What it calls this file, if that is none that we reach by the same path.
    pub(crate) fn elsewhere<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(self.root_by_number()).ok()
    }

    /// Whether it is the first one of a PID namespace.
    pub(crate) fn is_first(&self) -> bool {
        self.own_number == Some(1)
    }

    fn root_by_number(&self) -> PathBuf {
        format!("/proc/{}/root", self.pid.get()).into()
    }
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
        assert_eq!(settings.named, Some("/run/a.pid:/b".into()));
        assert_eq!(Settings::of(b""), Settings::default());
    }

    #[test]
    fn a_unit_is_named_by_the_control_group() {
        for (text, unit) in [
            ("0::/system.slice/nginx.service\n", Some("nginx.service")),
            ("0::/system.slice/a.service/b.slice/x\n", Some("a.service")),
            (
                "0::/system.slice/a.service/\u{1b}[2J.service\n",
                Some("a.service"),
            ),
            (
                "4:cpu:/x.service\n1:name=systemd:/system.slice/y.service\n0::/\n",
                Some("y.service"),
            ),
            ("0::/user.slice/user-0.slice/session-1.scope\n", None),
            ("0::/\n", None),
            ("garbled", None),
        ] {
            let found = Service::of(text, false);
            let name = found.as_ref().and_then(Service::of_system);
            assert_eq!(name, unit, "{text}");
        }
    }

    #[test]
    fn a_unit_is_its_managers() {
        let of_user = "0::/user.slice/user-7.slice/user@7.service/app.slice/x.service\n";
        let of_manager = "0::/user.slice/user-7.slice/user@7.service/init.scope\n";
        for (text, is_contained, name, manager) in [
            (of_user, false, "x.service", Manager::User),
            (of_user, true, "x.service", Manager::Container),
            (of_manager, false, "user@7.service", Manager::System),
        ] {
            let name = name.to_owned();
            let expected = Some(Service { name, manager });
            assert_eq!(Service::of(text, is_contained), expected, "{text}");
        }
    }

    #[test]
    fn rights_that_were_gained_are_told_by_the_auxiliary_vector() {
        let vector = |value: usize| [[6, 4096], [23, value], [0, 0]].concat();
        for (value, secure) in [(0, Some(false)), (1, Some(true))] {
            let bytes: Vec<u8> = vector(value)
                .into_iter()
                .flat_map(usize::to_ne_bytes)
                .collect();
            assert_eq!(is_secure(&bytes), secure);
            assert_eq!(is_secure(bytes.get(..9).unwrap()), None);
        }
    }
}
