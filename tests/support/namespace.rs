//! A test's own namespaces. The test's program re-executes itself twice:
//!
//! **test** -> **host** (makes the namespaces, waits) -> **init** (PID 1 there: runs one test, adopts every orphan)
//!
//! When init ends, the kernel ends everything that it left. Init is killed when its host dies, and the host when the
//! test gives up on it: nothing outlives its deadline, and nothing is ever looked for by name.

use std::env;
use std::fs::{self, File, Permissions};
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::deadline::Deadline;
use crate::failure::{Checked, Doing, Failure};

const HOST: &str = "--namespace-host";
const INIT: &str = "--namespace-init";
const NOTHING: Option<&str> = None;

/// Where everything that a test makes lives: a tmpfs of its own.
pub const SCRATCH: &str = "/mnt";

/// Runs this program as init of new namespaces with `arguments`, and gives what it wrote. Its stdout goes to `file`
/// when there is one.
///
/// # Errors
/// When it is not done at the deadline; with what it said until then.
pub fn run(arguments: &[&str], file: Option<File>, deadline: Deadline) -> Checked<String> {
    let (said, say) = io::pipe().doing("pipe")?;
    let out = match file {
        Some(file) => Stdio::from(file),
        None => Stdio::from(say.try_clone().doing("pipe")?),
    };
    let mut command = Command::new("/proc/self/exe");
    command
        .arg(HOST)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(say);
    let mut host = command.spawn().doing("start the host of the namespaces")?;
    // The command holds the pipe's other end: without it, the end of the namespaces is the end of the pipe.
    drop(command);
    let output = read_until(said, deadline);
    if output.is_err() {
        host.kill().doing("kill the host of the namespaces")?;
    }
    host.wait().doing("wait for the host of the namespaces")?;
    output
}

fn read_until(mut pipe: PipeReader, deadline: Deadline) -> Checked<String> {
    let mut said = Vec::new();
    loop {
        let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut fds, deadline.left()).doing("poll")?;
        let text = || String::from_utf8_lossy(&said).into_owned();
        if ready == 0 {
            return Err(Failure::new("not done in time", text()));
        }
        let mut chunk = [0; 4096];
        match pipe.read(&mut chunk).doing("read")? {
            0 => return Ok(text()),
            count => said.extend(chunk.iter().take(count)),
        }
    }
}

/// Takes over when this process is a host or an init; `inside` is what init does with its arguments.
/// None in the test itself, which goes on as usual.
pub fn enter(inside: impl FnOnce(&[String]) -> ExitCode) -> Option<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (role, arguments) = arguments.split_first()?;
    let done = match role.as_str() {
        HOST => host(arguments),
        INIT => furnish().map(|()| inside(arguments)),
        _ => return None,
    };
    Some(done.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        ExitCode::FAILURE
    }))
}

fn host(arguments: &[String]) -> Checked<ExitCode> {
    prctl::set_pdeathsig(Signal::SIGKILL).doing("die with the test")?;
    let all = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(all).doing("make namespaces (this needs root)")?;
    let mut init = Command::new("/proc/self/exe");
    // Its stdin is ours to hold: at its end, the host is gone.
    let mut init = init
        .arg(INIT)
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .doing("start init")?;
    let held = init.stdin.take();
    let status = init.wait().doing("wait for init")?;
    drop(held);
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What a test finds inside: all of the machine read-only, and what daemons write to empty and its own.
fn furnish() -> Checked {
    prctl::set_pdeathsig(Signal::SIGKILL).doing("die with the host")?;
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::ZERO).doing("poll")? > 0 {
        return Err(Failure::new("the test itself", "the host is gone"));
    }
    // Who runs the tests in the background of a shell, or by nohup(1), has these ignored, and so would every daemon.
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP] {
        reset(signal).doing("have the default again")?;
    }
    mount(
        NOTHING,
        "/",
        NOTHING,
        MsFlags::MS_PRIVATE | MsFlags::MS_REC,
        NOTHING,
    )
    .doing("keep mounts private")?;
    mount(
        Some("proc"),
        "/proc",
        Some("proc"),
        MsFlags::empty(),
        NOTHING,
    )
    .doing("mount /proc")?;
    for directory in [SCRATCH, "/run", "/var/lib", "/dev/shm"] {
        cover(directory)?;
    }
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(NOTHING, "/", NOTHING, read_only, NOTHING).doing("make / read-only")?;
    let loopback = Command::new("busybox")
        .args(["ifconfig", "lo", "127.0.0.1", "up"])
        .status();
    match loopback.doing("busybox ifconfig")?.success() {
        true => Ok(()),
        false => Err(Failure::new(
            "the test itself",
            "busybox did not bring lo up",
        )),
    }
}

/// Puts the default disposition back.
#[expect(unsafe_code, reason = "signal(2)")]
fn reset(signal: Signal) -> nix::Result<()> {
    // SAFETY: no handler of this process's is replaced: it has none.
    unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }.map(drop)
}

/// Puts an empty directory over one of the machine's.
///
/// # Errors
/// When it cannot be mounted.
pub fn cover(directory: impl AsRef<Path>) -> Checked {
    let directory = directory.as_ref();
    let named = format!("mount a tmpfs on {}", directory.display());
    let mode = if directory == Path::new("/dev/shm") {
        "mode=1777"
    } else {
        "mode=755"
    };
    mount(
        Some("tmpfs"),
        directory,
        Some("tmpfs"),
        MsFlags::empty(),
        Some(mode),
    )
    .doing(named)
}

/// Puts devices of our own in place of the machine's, as containers have them: who listens at /dev/log, or gives a device to another
/// user, does so for us alone.
///
/// # Errors
/// When that cannot be done.
pub fn own_devices() -> Checked {
    cover("/dev")?;
    for (name, minor) in [
        ("null", 3),
        ("zero", 5),
        ("full", 7),
        ("random", 8),
        ("urandom", 9),
    ] {
        let path = Path::new("/dev").join(name);
        let of_all = Mode::from_bits_truncate(0o666);
        mknod(&path, SFlag::S_IFCHR, of_all, makedev(1, minor)).doing(path.display())?;
        fs::set_permissions(&path, Permissions::from_mode(0o666)).doing(path.display())?;
    }
    symlink("/proc/self/fd", "/dev/fd").doing("link /dev/fd")?;
    fs::create_dir("/dev/shm").doing("make /dev/shm")?;
    cover("/dev/shm")
}

/// Puts a layer of our own over one of the machine's directories: it is as it was, and what is changed in it is changed for us
/// alone.
///
/// # Errors
/// When it cannot be mounted.
pub fn layer(directory: &str) -> Checked {
    let own = Path::new(SCRATCH).join(format!(".layer{}", directory.replace('/', "-")));
    let named = format!("mount a layer on {directory}");
    for part in ["upper", "work"] {
        fs::create_dir_all(own.join(part)).doing(&named)?;
    }
    let own = own.display();
    let options = format!("lowerdir={directory},upperdir={own}/upper,workdir={own}/work");
    mount(
        Some("overlay"),
        directory,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .doing(named)
}

/// Puts an empty file over one of the machine's; none there is fine.
///
/// # Errors
/// When it cannot be mounted.
pub fn cover_file(file: impl AsRef<Path>) -> Checked {
    let file = file.as_ref();
    if !file.exists() {
        return Ok(());
    }
    let empty = Path::new(SCRATCH).join(".empty");
    fs::write(&empty, "").doing("make an empty file")?;
    mount(Some(&empty), file, NOTHING, MsFlags::MS_BIND, NOTHING)
        .doing(format!("cover {}", file.display()))
}
