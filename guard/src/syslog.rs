//! Tells the system's log: one datagram to the journal or to /dev/log, and nothing held before or after.
//!
//! The journal gets fields that programs can select by. For /dev/log the form is that of RFC 3164 as local loggers take it,
//! syslog(3): no time and no host, they know both.

use core::ffi::CStr;
use core::fmt::{self, Display, Write};
use core::time::Duration;

use pidward_identity::pid::Pid;
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::line::{Line, Shown};

/// How much a line matters; the number is facility `daemon` (3) times 8 and the severity, syslog(3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Severity {
    /// Something is not as it should be.
    Warning = 28,
    /// What the guard is there for was done.
    Info = 30,
}

const JOURNAL: &CStr = c"/run/systemd/journal/socket";
const LOG: &CStr = c"/dev/log";

/// As long as a message of syslog may be, RFC 3164 section 4.1.
const MESSAGE: usize = 1024;

/// How long to wait for a log that has more to do than it can.
const BUSY: Duration = Duration::from_millis(200);

/// A field for programs, and its value.
pub(crate) type Field<'a> = (&'a str, &'a dyn Display);

/// Tells the journal, with the fields `PIDFILE=` and these; where there is none, the log, with the fields behind the text.
pub(crate) fn say(
    severity: Severity,
    pidfile: &CStr,
    fields: &[Field<'_>],
    text: fmt::Arguments<'_>,
) {
    let pidfile = Shown(pidfile.to_bytes());
    let mut entry = Line::new();
    // Both have room for what fits, and drop the rest. The journal takes no line without its end.
    let _ = to_journal(&mut entry, severity, &pidfile, fields, text);
    if entry.bytes().ends_with(b"\n") && send(JOURNAL, entry.bytes()).is_ok() {
        return;
    }
    let mut line = Line::new();
    let _ = to_log(&mut line, severity, &pidfile, fields, text);
    let line = line.bytes();
    // Without a log nobody can be told, not even that.
    let _ = send(LOG, line.get(..MESSAGE).unwrap_or(line));
}

/// As systemd's "Native Journal Protocol" has it: a field a line.
fn to_journal(
    entry: &mut Line,
    severity: Severity,
    pidfile: &Shown<'_>,
    fields: &[Field<'_>],
    text: fmt::Arguments<'_>,
) -> fmt::Result {
    writeln!(entry, "MESSAGE={text}")?;
    let severity = severity as i32 & 7;
    writeln!(
        entry,
        "PRIORITY={severity}\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=pidward-guard"
    )?;
    for (name, value) in fields {
        writeln!(entry, "{name}={value}")?;
    }
    writeln!(entry, "PIDFILE={pidfile}")
}

fn to_log(
    line: &mut Line,
    severity: Severity,
    pidfile: &Shown<'_>,
    fields: &[Field<'_>],
    text: fmt::Arguments<'_>,
) -> fmt::Result {
    let (priority, guard) = (severity as i32, Pid::this_process().get());
    write!(
        line,
        "<{priority}>pidward-guard[{guard}]: {text} [PIDFILE={pidfile}"
    )?;
    for (name, value) in fields {
        write!(line, " {name}={value}")?;
    }
    line.write_str("]")
}

fn send(to: &CStr, line: &[u8]) -> Result<(), Errno> {
    let to = SocketAddrUnix::new(to)?;
    let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(BUSY))?;
    rustix::net::sendto(socket, line, SendFlags::NOSIGNAL, &to).map(drop)
}
