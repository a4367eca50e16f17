//! The record beside the pidfile, and the locks on it that make this guard the only one.
//!
//! They are held for as long as the guard lives; what the record says is written in place, under them. It is
//! unlinked only while it still is the file that is locked here.
#![expect(
    clippy::disallowed_methods,
    reason = "the record is this room's to unlink"
)]

use pidward_identity::lock;
use pidward_identity::pid::Pid;
use pidward_identity::pidfile::{self, Name, Pidfile, is_regular};
use pidward_identity::process::{BootId, MachineId, PidNs, ProcDir};
use pidward_identity::record::Record;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::hand_over::{Owner, Version};

/// The locked record.
#[derive(Debug)]
pub(crate) struct Locked {
    file: OwnedFd,
    name: Name,
    says: Says,
}

/// What is in the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Says {
    /// What a guard before this one wrote, or a part of what this one did.
    Unknown,
    /// Nothing: it is empty.
    Nothing,
    /// Whose this pidfile is.
    OwnerOf(Version),
}

/// Another guard's record: it holds the lock.
#[derive(Debug)]
pub(crate) struct Held {
    file: OwnedFd,
    name: Name,
}

impl Held {
    /// Whether it still is the record, and locked. A guard that leaves unlinks or unlocks it first.
    pub(crate) fn still_keeps_out(&self, pidfile: &Pidfile<'_>) -> bool {
        is_in_place(pidfile, &self.name, self.file.as_fd()) && lock::is_held(&self.file) == Ok(true)
    }

    /// The record, for watching it.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What came of taking the lock.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is ours.
    Locked(Locked),
    /// Another guard is at work.
    Held(Held),
}

impl Taken {
    pub(crate) fn locked(self) -> Option<Locked> {
        match self {
            Self::Locked(locked) => Some(locked),
            Self::Held(_) => None,
        }
    }
}

/// Makes the record and locks it.
///
/// # Errors
/// Why no record can be made.
pub(crate) fn take(pidfile: &Pidfile<'_>) -> Result<Taken, Errno> {
    // Each turn either ends or finds that the file has gone since; somebody would have to play along for ever.
    const TURNS: u32 = 1000;
    let name = pidfile.record_name().ok_or(Errno::NAMETOOLONG)?;
    for _ in 0..TURNS {
        let (file, writable) = match open(pidfile, &name) {
            Ok(opened) => opened,
            // What is no file at all cannot be judged, only removed.
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => {
                unlink(pidfile, &name)?;
                continue;
            }
            // It came between two calls.
            Err(Errno::EXIST) => continue,
            Err(error) => return Err(error),
        };
        let stat = rustix::fs::fstat(&file)?;
        let ours = stat.st_uid == rustix::process::geteuid().as_raw();
        let counts =
            || ours || stat.st_uid == 0 || pidfile.look().is_ok_and(|l| l.uid == stat.st_uid);
        let usable = ours && writable && is_regular(&stat) && stat.st_nlink <= 1;
        let taken = if usable {
            lock::take(&file)?
        } else if is_regular(&stat) && counts() && lock::is_held(&file)? {
            // Only of those whose record would count (`evidence::recorded`) can a lock mean that a guard is at work;
            // anybody else's file in a directory that many can write to is in the way, and no more.
            lock::Taken::Guards
        } else {
            lock::Taken::Strangers
        };
        match taken {
            lock::Taken::Ours if is_in_place(pidfile, &name, file.as_fd()) => {
                return Ok(Taken::Locked(Locked::new(file, name)));
            }
            lock::Taken::Guards => return Ok(Taken::Held(Held { file, name })),
            lock::Taken::Strangers if is_in_place(pidfile, &name, file.as_fd()) => {
                unlink(pidfile, &name)?
            }
            // It was replaced meanwhile.
            lock::Taken::Ours | lock::Taken::Strangers => {}
        }
    }
    Err(Errno::BUSY)
}

/// Opens the record, makes it if need be, and tells whether it can be written.
fn open(pidfile: &Pidfile<'_>, name: &Name) -> Result<(OwnedFd, bool), Errno> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = |access, mode| {
        rustix::fs::openat(pidfile.directory(), name.as_c_str(), access | flags, mode)
    };
    match open(OFlags::RDWR, Mode::empty()) {
        // Nobody can open it, and so lock it, before it is locked here.
        Err(Errno::NOENT) => {
            let made = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
            open(made, Mode::RUSR | Mode::WUSR).map(|file| (file, true))
        }
        // Somebody else's.
        Err(Errno::ACCESS) => match open(OFlags::RDONLY, Mode::empty()) {
            Ok(file) => Ok((file, false)),
            Err(_) => Err(Errno::ACCESS),
        },
        opened => opened.map(|file| (file, true)),
    }
}

fn is_in_place(pidfile: &Pidfile<'_>, name: &Name, file: BorrowedFd<'_>) -> bool {
    let id = rustix::fs::fstat(file).map(|stat| pidfile::id(&stat));
    id.is_ok() && pidfile.id_of(name.as_c_str()) == id
}

fn unlink(pidfile: &Pidfile<'_>, name: &Name) -> Result<(), Errno> {
    match rustix::fs::unlinkat(pidfile.directory(), name.as_c_str(), AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        unlinked => unlinked,
    }
}

impl Locked {
    /// Whatever a guard before this one wrote is no longer said.
    fn new(file: OwnedFd, name: Name) -> Self {
        let mut locked = Self {
            file,
            name,
            says: Says::Unknown,
        };
        locked.clear();
        // For everybody to read, whatever mask its starter had. Where that fails, it counts for root all the same.
        let _ = rustix::fs::fchmod(&locked.file, Mode::from_raw_mode(0o644));
        locked
    }

    /// Records the owner, unless the record says all that already. Whether it was written anew.
    pub(crate) fn write(&mut self, owner: &Owner) -> bool {
        let now = Says::OwnerOf(owner.version);
        if self.says == now {
            return false;
        }
        self.clear();
        self.says = Says::Unknown;
        if self.write_text(owner).is_none() {
            self.clear();
            return false;
        }
        self.says = now;
        true
    }

    /// In one write, after the file was emptied: who reads in between finds no last line, so no record.
    #[inline(never)]
    fn write_text(&self, owner: &Owner) -> Option<()> {
        let proc = ProcDir::open(owner.pid).ok()?;
        let (start, uid) = (proc.stat(|stat| stat.start)?, proc.credentials()?.uid);
        let mut exe = [0; 1024];
        let exe = proc.exe(&mut exe).unwrap_or(b"-");
        let pidfd = owner.pidfd()?;
        // It lives, so all of the above was of the process that the descriptor means.
        if pidfd.is_dead() {
            return None;
        }
        let record = Record {
            pid: owner.pid,
            start,
            boot: BootId::current()?,
            // The namespace in which `pid` is its number: ours.
            pid_ns: PidNs::current()?,
            pidfd: pidfd.inode(),
            handle: pidfd.handle(),
            machine: MachineId::current(),
            exe,
            uid,
            file: owner.version.id.inode,
            written: owner.version.written,
            guard: Pid::this_process(),
        };
        let text = record.text();
        let text = text.as_deref()?;
        let written = rustix::io::pwrite(&self.file, text, 0).ok()?;
        (written == text.len()).then_some(())
    }

    /// Empties it: it says nothing.
    pub(crate) fn clear(&mut self) {
        // Once, because the guard watches the directory, and would wake itself. Where it fails the text stays, and stays bound to
        // a pidfile that is no more.
        if self.says != Says::Nothing {
            let emptied = rustix::fs::ftruncate(&self.file, 0);
            self.says = emptied.map_or(Says::Unknown, |()| Says::Nothing);
        }
    }

    /// Unlinks it. The lock is on a file without a name from then on, and keeps nobody out.
    pub(crate) fn unlink(&self, pidfile: &Pidfile<'_>) {
        if is_in_place(pidfile, &self.name, self.file.as_fd()) {
            // In a directory that has become read-only it stays; beside no pidfile it means nothing.
            let _ = unlink(pidfile, &self.name);
        }
    }
}
