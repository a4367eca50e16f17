//! What a sweep tells the journal, with fields that programs can select by. Where standard output or error leads there, systemd says
//! so in `JOURNAL_STREAM`, systemd.exec(5).

use std::cell::Cell;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::environment::Environment;

const SOCKET: &str = "/run/systemd/journal/socket";

/// How long to wait for a journal that has more to do than it can; the line is for standard output then.
const BUSY: Duration = Duration::from_millis(200);

/// The severity of what is done as it should be, syslog(3).
const INFO: u8 = 6;

/// The journal.
#[derive(Debug)]
pub(crate) struct Journal {
    socket: UnixDatagram,
    /// It did not take a line; what follows does not wait for it again.
    is_lost: Cell<bool>,
}

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
        Some(Self {
            socket,
            is_lost: Cell::new(false),
        })
    }

    /// Tells it a line, and whether it took that. No value may have an end of line in it.
    pub(crate) fn tell(&self, line: &str, fields: &[(&str, &str)]) -> bool {
        if self.is_lost.get() {
            return false;
        }
        let mut entry = format!("MESSAGE={line}\nPRIORITY={INFO}\nSYSLOG_IDENTIFIER=pidward\n");
        for (name, value) in fields {
            entry.push_str(&format!("{name}={value}\n"));
        }
        let is_told = self.socket.send(entry.as_bytes()).is_ok();
        self.is_lost.set(!is_told);
        is_told
    }
}
