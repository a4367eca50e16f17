//! Tells the system's log: one datagram to /dev/log, and nothing held before or after.
//!
//! The form is that of RFC 3164 as local loggers take it, syslog(3): no time and no host, they know both.

use core::fmt::{self, Write};
use core::time::Duration;

use pidward_identity::pid::Pid;
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::line::Line;

/// How much a line matters; the number is facility `daemon` (3) times 8 and the severity, syslog(3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Severity {
    /// Something is not as it should be.
    Warning = 28,
    /// What the guard is there for was done.
    Info = 30,
}

/// How long to wait for a log that has more to do than it can.
const BUSY: Duration = Duration::from_millis(200);

/// Sends the line, if there is a log.
pub(crate) fn say(severity: Severity, text: fmt::Arguments<'_>) {
    let mut line = Line::new();
    let (priority, guard) = (severity as u8, Pid::this_process().get());
    // A line has room for what fits, and drops the rest.
    let _ = write!(line, "<{priority}>pidward-guard[{guard}]: {text}");
    // Without a log nobody can be told, not even that.
    let _ = send(line.bytes());
}

fn send(line: &[u8]) -> Result<(), Errno> {
    let log = SocketAddrUnix::new(c"/dev/log")?;
    let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(BUSY))?;
    rustix::net::sendto(socket, line, SendFlags::NOSIGNAL, &log).map(drop)
}
