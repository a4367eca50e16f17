//! What the log is told at an owner's death: that his pidfile was removed, or why not, and of what he died.

use core::ffi::CStr;
use core::fmt::{self, Display};

use pidward_identity::pidfd::{Ending, ExitInfo};
use pidward_identity::pidfile::NoLook;
use pidward_identity::remove::Kept;
use pidward_identity::signal::Signal;
use rustix::io::Errno;

use crate::arguments::Environment;
use crate::hand_over::Owner;
use crate::line::Shown;
use crate::syslog::{self, Severity};
use crate::tally;

/// Tells that the pidfile was removed, and counts it. Waits at most so many milliseconds for the owner's exit to be known.
pub(crate) fn tell_removed(
    path: &CStr,
    owner: &Owner,
    milliseconds: u32,
    environment: Environment,
) {
    let info = owner
        .pidfd()
        .and_then(|pidfd| pidfd.reaping_within(milliseconds).exit_info());
    let (shown, cause) = (Shown(path.to_bytes()), Cause(info));
    syslog::say(
        Severity::Info,
        path,
        &[("VERDICT", &"dead"), ("EXIT", &Exit(info))],
        format_args!("removed {shown}: {} {cause}", Who(owner)),
    );
    tally::count(Ending::of(info), environment);
}

/// Says that the pidfile stays, though its owner is dead.
pub(crate) fn say_left(path: &CStr, owner: &Owner, kept: Kept) {
    let (shown, who, why) = (Shown(path.to_bytes()), Who(owner), Why(kept));
    syslog::say(
        Severity::Warning,
        path,
        &[("VERDICT", &"dead")],
        format_args!("left {shown}: {who} is dead, but {why}"),
    );
}

/// Says that there is no guard, and why.
pub(crate) fn say_unguarded(path: &CStr, why: Errno) {
    let (shown, why) = (Shown(path.to_bytes()), Reason(why));
    syslog::say(
        Severity::Warning,
        path,
        &[],
        format_args!("not guarding {shown}: {why}"),
    );
}

/// `PID 812 (apache2)`.
struct Who<'a>(&'a Owner);

impl Display for Who<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PID {}", self.0.pid.get())?;
        if !self.0.comm.is_empty() {
            write!(out, " ({})", Shown(&self.0.comm))?;
        }
        Ok(())
    }
}

/// How it ended, as far as the kernel told.
struct Cause(Option<ExitInfo>);

impl Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(info) => info.fmt(out),
            None => out.write_str("ended"),
        }
    }
}

/// The same for programs: the exit status, or the signal's name; `unknown` where the kernel told nothing.
struct Exit(Option<ExitInfo>);

impl Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(info) = self.0 else {
            return out.write_str(Ending::Unknown.name());
        };
        let signal = info.signal();
        match (
            info.exit_status(),
            signal.and_then(Signal::new).and_then(Signal::name),
        ) {
            (Some(status), _) => write!(out, "{status}"),
            (None, Some(name)) => write!(out, "SIG{name}"),
            (None, None) => write!(out, "signal {}", signal.unwrap_or_default()),
        }
    }
}

struct Why(Kept);

impl Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kept::Locked => out.write_str("somebody still holds a lock on the file"),
            Kept::Open => out.write_str("somebody still has the file open for writing"),
            Kept::AsideTaken => out.write_str("another removal was interrupted and is in the way"),
            Kept::Denied(error) => write!(out, "removing it is refused: {}", Reason(error)),
            Kept::NotReadable(NoLook::Unreadable(error)) => {
                write!(out, "the file cannot be read: {}", Reason(error))
            }
            Kept::NotReadable(NoLook::NotRegular) => out.write_str("something else has its name"),
            Kept::NotReadable(NoLook::Missing) | Kept::Missing => out.write_str("it is gone"),
            Kept::NotHis => out.write_str("it names another process"),
        }
    }
}

/// An error number in words, for those that a directory or a record may meet.
struct Reason(Errno);

impl Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Errno::ACCESS | Errno::PERM => "permission denied",
            Errno::NOENT => "no such directory",
            Errno::NOTDIR => "not a directory",
            Errno::ISDIR => "a directory is in the way",
            Errno::ROFS => "read-only file system",
            Errno::IO => "I/O error",
            Errno::NOTCONN => "file system not connected",
            Errno::NOSPC | Errno::DQUOT => "no space left",
            Errno::NAMETOOLONG => "the name is too long",
            Errno::LOOP => "too many symbolic links",
            Errno::NOSYS => "the kernel has no pidfd, which came with Linux 5.3",
            error => return write!(out, "error {}", error.raw_os_error()),
        })
    }
}
