//! podman in a test's namespaces: its storage on the scratch tmpfs, an image made of a few directories, and the machine's
//! own /usr for the programs.
//!
//! Containers get no control group: machines have them in versions of which podman supports but one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::mount::{MntFlags, umount2};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace;
use pidward_tests::record::Record;
use pidward_tests::release;
use pidward_tests::watch::Watch;
use pidward_tests::world::path;

/// Where images have pidward.
pub(crate) const PIDWARD: &str = "/opt/pidward/pidward";

/// A podman with one image, `base`.
pub(crate) struct Engine {
    /// The files under test.
    pub(crate) release: PathBuf,
}

/// A container that was started.
pub(crate) struct Container<'e> {
    engine: &'e Engine,
    name: String,
}

impl Engine {
    /// Makes the image.
    pub(crate) fn new(release: &Path) -> Checked<Self> {
        // In our mount namespace alone: podman looks for one version of control groups.
        let _ = umount2("/sys/fs/cgroup/unified", MntFlags::MNT_DETACH);
        for directory in ["/var/cache", "/var/tmp"] {
            namespace::cover(directory)?;
        }
        let storage = "[storage]\ndriver = \"overlay\"\ngraphroot = \"/mnt/storage\"\n\
                       runroot = \"/run/storage\"\n";
        fs::write(path("storage.conf"), storage).doing("configure podman")?;
        let engine = "[engine]\nruntime = \"crun\"\nevents_logger = \"none\"\n\
                      cgroup_manager = \"cgroupfs\"\n";
        fs::write(path("containers.conf"), engine).doing("configure podman")?;
        let policy = "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n";
        fs::write(path("policy.json"), policy).doing("configure podman")?;
        let engine = Self {
            release: release.to_owned(),
        };
        engine.make_image()?;
        Ok(engine)
    }

    fn make_image(&self) -> Checked {
        let root = path("image");
        for directory in [
            "etc/daemons",
            "var/log",
            "var/lib",
            "var/spool",
            "run/dovecot",
            "tmp",
            "proc",
            "sys",
            "dev",
            "usr",
            "root",
            "opt/pidward",
            "srv",
        ] {
            fs::create_dir_all(root.join(directory)).doing("make the image")?;
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link))
                .doing("make the image")?;
        }
        for file in ["passwd", "group", "nsswitch.conf", "ld.so.cache"] {
            fs::copy(Path::new("/etc").join(file), root.join("etc").join(file)).doing(file)?;
        }
        run(Command::new("cp")
            .args(["-a", "/etc/alternatives"])
            .arg(root.join("etc")))?;
        release::copy(&self.release, &root.join("opt/pidward"))?;
        for directory in ["tmp", "run", "srv"] {
            let everybodys = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
            fs::set_permissions(root.join(directory), everybodys).doing("make the image")?;
        }
        super::daemons::write(&root.join("etc/daemons"))?;
        let archive = path("image.tar");
        run(Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(&archive)
            .arg("."))?;
        self.podman(&["import", "-q", &archive.to_string_lossy(), "base"])
            .map(drop)
    }

    /// What a command of podman's says.
    pub(crate) fn podman(&self, arguments: &[&str]) -> Checked<String> {
        let mut command = Command::new("podman");
        command.arg("--log-level=error").args(arguments);
        command
            .env("CONTAINERS_STORAGE_CONF", path("storage.conf"))
            .env("CONTAINERS_CONF", path("containers.conf"))
            .env("TMPDIR", path(""));
        run(&mut command)
    }

    /// The same with the options that every container gets, and these.
    fn create(
        &self,
        name: &str,
        options: &[&str],
        image: &str,
        command: &[&str],
    ) -> Checked<String> {
        let mut words = vec![
            "run",
            "--name",
            name,
            "--cgroups=disabled",
            "--network=none",
        ];
        words.extend(["--security-opt=seccomp=unconfined", "--volume=/usr:/usr:ro"]);
        words.extend(options);
        words.push(image);
        words.extend(command);
        self.podman(&words)
    }

    /// Starts a container.
    pub(crate) fn start(
        &self,
        name: &str,
        options: &[&str],
        command: &[&str],
    ) -> Checked<Container<'_>> {
        let mut all = vec!["--detach"];
        all.extend(options);
        self.create(name, &all, "base", command)?;
        Ok(self.named(name))
    }

    /// A container that was made otherwise.
    pub(crate) fn named(&self, name: &str) -> Container<'_> {
        Container {
            engine: self,
            name: name.to_owned(),
        }
    }

    /// What a command says in a container of its own.
    pub(crate) fn say(&self, image: &str, options: &[&str], command: &[&str]) -> Checked<String> {
        let mut all = vec!["--rm"];
        all.extend(options);
        self.create("once", &all, image, command)
    }
}

impl Container<'_> {
    fn inspect(&self, format: &str) -> Checked<String> {
        let said = self
            .engine
            .podman(&["inspect", "--format", format, &self.name])?;
        Ok(said.trim().to_owned())
    }

    /// Its root, from here, while it runs.
    pub(crate) fn root(&self) -> Checked<PathBuf> {
        let pid = self.inspect("{{.State.Pid}}")?;
        match pid.as_str() {
            "0" => Err(Failure::new("the container does not run", self.logs()?)),
            pid => Ok(Path::new("/proc").join(pid).join("root")),
        }
    }

    /// A file in it.
    pub(crate) fn file(&self, absolute: &str) -> Checked<PathBuf> {
        Ok(self.root()?.join(absolute.trim_start_matches('/')))
    }

    /// Waits until the pidfile names a process of this name, and no other number than that is told: `not`.
    pub(crate) fn is_up(&self, pidfile: &str, comm: &str, not: Option<i32>) -> Checked<i32> {
        let (root, pidfile) = (self.root()?, self.file(pidfile)?);
        let watch = watch(&pidfile)?;
        let named = || {
            let text = fs::read_to_string(&pidfile).ok()?;
            let pid: i32 = text.lines().next()?.trim().parse().ok()?;
            let name = fs::read_to_string(root.join(format!("proc/{pid}/comm"))).ok()?;
            (name.trim() == comm && Some(pid) != not).then_some(pid)
        };
        let up = watch.until(Deadline::seconds(20), &[], named);
        up.ok_or_else(|| Failure::new(format!("{comm} is not up"), self.logs().unwrap_or_default()))
    }

    /// Waits until the record says the same.
    pub(crate) fn is_recorded(&self, pidfile: &str, pid: i32) -> Checked<Record> {
        let pidfile = self.file(pidfile)?;
        let watch = watch(&pidfile)?;
        let recorded = || Record::read(&pidfile).filter(|it| it.number("pid") == Some(pid));
        let recorded = watch.until(Deadline::seconds(10), &[], recorded);
        recorded.ok_or_else(|| Failure::new("not recorded", self.logs().unwrap_or_default()))
    }

    /// Kills all that is in it at once, and waits until it is gone.
    pub(crate) fn kill(&self) -> Checked {
        self.engine.podman(&["kill", "--signal=KILL", &self.name])?;
        self.engine.podman(&["wait", &self.name]).map(drop)
    }

    /// Starts it again, with the files that it had.
    pub(crate) fn start_again(&self) -> Checked {
        self.engine.podman(&["start", &self.name]).map(drop)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ends(&self) -> Checked {
        self.engine.podman(&["wait", &self.name]).map(drop)
    }

    /// What a command in it says.
    pub(crate) fn exec(&self, command: &[&str]) -> Checked<String> {
        let mut words = vec!["exec", &self.name];
        words.extend(command);
        self.engine.podman(&words)
    }

    /// All that it has said.
    pub(crate) fn logs(&self) -> Checked<String> {
        self.engine.podman(&["logs", &self.name])
    }
}

/// Watches the directory of a pidfile, once it is there.
fn watch(pidfile: &Path) -> Checked<Watch> {
    let directory = pidfile.parent().unwrap_or(pidfile);
    if let Some(above) = directory.parent().filter(|_| !directory.exists()) {
        let above = Watch::on(&[above])?;
        let _ = above.until(Deadline::seconds(20), &[], || {
            directory.exists().then_some(())
        });
    }
    Watch::on(&[directory])
}

/// What a command says, on both; an error when it fails.
pub(crate) fn run(command: &mut Command) -> Checked<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .doing(format!("{:?}", command.get_program()))?;
    let said = [stdout, stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    match status.success() {
        true => Ok(said),
        false => Err(Failure::new(
            format!("{status}"),
            format!("{command:?}\n{said}"),
        )),
    }
}
