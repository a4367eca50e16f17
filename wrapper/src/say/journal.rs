//! What a sweep tells the journal, with fields that programs can select by. Where standard output or error leads there, systemd says
//! so in `JOURNAL_STREAM`, systemd.exec(5).

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::environment::Environment;

const SOCKET: &str = "/run/systemd/journal/socket";

/// How long to wait for a journal that has more to do than it can.
const BUSY: Duration = Duration::from_millis(200);

/// The severity of what is done as it should be, syslog(3).
const INFO: u8 = 6;

/// The journal.
#[derive(Debug)]
pub(crate) struct Journal(UnixDatagram);

impl Journal {
    /// The one that this descriptor leads to.
    pub(crate) fn behind(descriptor: impl AsFd, environment: &Environment) -> Option<Self> {
        let stream = environment.get("JOURNAL_STREAM").and_then(OsStr::to_str)?;
        let file = nix::sys::stat::fstat(descriptor).ok()?;
        if stream != format!("{}:{}", file.st_dev, file.st_ino) {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(SOCKET).ok()?;
        socket.set_write_timeout(Some(BUSY)).ok()?;
        Some(Self(socket))
    }

    /// Tells it a line. No value may have an end of line in it.
    ///
    /// # Errors
    /// What send(2) says.
    pub(crate) fn tell(&self, line: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        let mut entry = format!("MESSAGE={line}\nPRIORITY={INFO}\nSYSLOG_IDENTIFIER=pidward\n");
        for (name, value) in fields {
            entry.push_str(&format!("{name}={value}\n"));
        }
        self.0.send(entry.as_bytes()).map(drop)
    }
}
