//! The container: the machine's own /usr, an /etc with what the daemons need, and nothing else.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::release;

use crate::units;

/// What of /etc the daemons read.
const ETC: [&str; 16] = [
    "passwd",
    "group",
    "shadow",
    "nsswitch.conf",
    "ld.so.cache",
    "os-release",
    "nginx",
    "ssh",
    "redis",
    "apache2",
    "default",
    "pam.d",
    "security",
    "alternatives",
    "mime.types",
    "crontab",
];

const DIRECTORIES: [&str; 23] = [
    "etc/systemd/system",
    "etc/init.d",
    "var/log/nginx",
    "var/log/apache2",
    "var/log/redis",
    "var/lib/nginx",
    "var/lib/redis",
    "var/lib/apache2",
    "var/spool/cron/crontabs",
    "var/lib/misc",
    "var/cache",
    "var/www/html",
    "var/tmp",
    "run",
    "tmp",
    "root",
    "proc",
    "sys",
    "dev",
    "usr",
    "srv",
    "opt/pidward",
    "mnt",
];

const TARGET: &str = "[Unit]\nDescription=All that is to be checked\nRequires=basic.target\nWants=check.service\nAfter=basic.target\n\
                      AllowIsolate=yes\n";

/// It is over when this one is.
const CHECK: &str = "[Unit]\nAfter=basic.target\nSuccessAction=poweroff-force\nFailureAction=poweroff-force\n[Service]\n\
                     Type=oneshot\nExecStart=/opt/check\nStandardOutput=file:/srv/told\nStandardError=file:/srv/errors\n";

/// Goes with its directory.
struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Root {
    fn make() -> Checked<Self> {
        let name = format!("pidward-init-{}", std::process::id());
        let root = Self(env::temp_dir().join(name));
        let _ = fs::remove_dir_all(&root.0);
        for directory in DIRECTORIES {
            fs::create_dir_all(root.0.join(directory)).doing(directory)?;
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), root.0.join(link)).doing(link)?;
        }
        symlink("/run", root.0.join("var/run")).doing("link /var/run")?;
        for name in ETC {
            let to = root.0.join("etc").join(name);
            let mut copy = Command::new("cp");
            copy.args(["-a", "-L"])
                .arg(Path::new("/etc").join(name))
                .arg(to);
            if !copy.status().doing("cp")?.success() {
                return Err(Failure::new("the test itself", format!("copy /etc/{name}")));
            }
        }
        let write = |name: &str, text: &str| fs::write(root.0.join(name), text).doing(name);
        write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")?;
        write("etc/systemd/system/default.target", TARGET)?;
        write("etc/systemd/system/check.service", CHECK)?;
        for (name, text) in units::made() {
            write(&format!("etc/{name}"), &text)?;
        }
        for name in ["redis", "nginx"] {
            let mut chown = Command::new("chown");
            let user = if name == "nginx" { "www-data" } else { name };
            chown.args(["-R", &format!("{user}:")]);
            chown
                .arg(root.0.join("var/lib").join(name))
                .arg(root.0.join("var/log").join(name));
            if !chown.status().doing("chown")?.success() {
                return Err(Failure::new("the test itself", format!("chown {name}")));
            }
        }
        release::copy(&release::directory()?, &root.0.join("opt/pidward"))?;
        let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("init/check-systemd");
        fs::copy(check, root.0.join("opt/check")).doing("copy what checks")?;
        for name in ["opt/check", "etc/init.d/script"] {
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(root.0.join(name), executable).doing(name)?;
        }
        Ok(root)
    }
}

/// Runs it, and gives what the check has said when it is over.
pub(crate) fn run() -> Checked<String> {
    let root = Root::make()?;
    // With the second version of control groups alone, in a mount namespace of its own: with the first, systemd in a
    // container does not learn when a group is empty.
    let script = "umount --recursive --lazy /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; \
                  exec systemd-nspawn --quiet --register=no --keep-unit --private-network --bind-ro=/usr \
                  --console=pipe --directory \"$0\" \"$@\"";
    let mut nspawn = Command::new("unshare");
    // As on a machine, where no filter of system calls is on the first process: the library stays out where one is.
    nspawn.env("SYSTEMD_SECCOMP", "0");
    nspawn.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    nspawn
        .args(["--mount", "sh", "-c", script])
        .arg(&root.0)
        .arg("--boot");
    let log = root.0.join("srv/console");
    let console = fs::File::create(&log).doing("make a log")?;
    nspawn.stdin(Stdio::null());
    nspawn
        .stdout(console.try_clone().doing("make a log")?)
        .stderr(console);
    let mut child = nspawn.spawn().doing("systemd-nspawn")?;
    let pid = i32::try_from(child.id()).doing("a PID")?;
    let container = Process::open(pid)
        .ok_or("gone")
        .doing("hold the container")?;
    let is_over = container.dies_by(Deadline::seconds(180));
    if !is_over {
        // It ends all that is in it.
        container.signal(Signal::SIGKILL).doing("end it")?;
    }
    child.wait().doing("wait for it")?;
    let text = |name: &str| fs::read_to_string(root.0.join("srv").join(name)).unwrap_or_default();
    let told = text("told");
    if !is_over || told.is_empty() {
        let evidence = format!("{}\n{}\n{told}", text("console"), text("errors"));
        return Err(Failure::new("it does not come to an end", evidence));
    }
    Ok(told)
}
