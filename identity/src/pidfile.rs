//! A pidfile: its directory, opened once, its name there, and what it holds.
//!
//! Everything that is done with a pidfile goes through the directory descriptor held here, so that what was
//! looked at is what is acted on, whatever happens to the path meanwhile. The pidfile itself is opened for
//! each look and closed again; only ever call that in a process that is not the daemon, or at the daemon's
//! death: closing any descriptor of a file drops all POSIX locks that the process holds on it (fcntl(2)).

use core::ffi::CStr;

use arrayvec::ArrayVec;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::pid::{self, NotAPid, Pid};
use crate::read;
use crate::trust::Writers;
use crate::walk::{self, NoWay, Way};

/// The longest name of a file, without its terminating NUL (`NAME_MAX`, limits.h(0p)).
const NAME_MAX: usize = 255;

/// As much of a pidfile as is read: its first line has to end within it.
const TEXT_MAX: usize = 64;

/// What a record's name ends in.
const RECORD: &[u8] = b".ward";

/// What an aside name ends in, behind a dot and the pidfile's name.
const ASIDE: &[u8] = b".pidward";

/// As much of the pidfile's name as an aside name has room for.
const ASIDE_ROOM: usize = NAME_MAX - 1 - ASIDE.len();

/// The name of the pidfile that was put under this aside name; `None` when it is no aside name, or one that may have been
/// cut short.
#[must_use]
pub fn of_aside(name: &[u8]) -> Option<&[u8]> {
    let whole = name.strip_prefix(b".")?.strip_suffix(ASIDE)?;
    (!whole.is_empty() && whole.len() < ASIDE_ROOM).then_some(whole)
}

/// The name of the pidfile that a record of this name is beside; `None` when it is no record's.
#[must_use]
pub fn of_record(name: &[u8]) -> Option<&[u8]> {
    name.strip_suffix(RECORD).filter(|name| !name.is_empty())
}

/// The name of a file in the pidfile's directory, with its terminating NUL.
#[derive(Clone, Debug)]
pub struct Name(ArrayVec<u8, { NAME_MAX + 1 }>);

impl Name {
    /// The parts joined; `None` when that is longer than a name may be.
    fn of(parts: [&[u8]; 3]) -> Option<Self> {
        let mut name = ArrayVec::new();
        for part in parts {
            name.try_extend_from_slice(part).ok()?;
        }
        name.try_push(0).ok()?;
        Some(Self(name))
    }

    /// The name as the kernel wants it.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// Which file a name stood for: the same device and inode mean the same file while one holds it open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileId {
    /// Device of the file, as stat(2) has it. Overlay and tmpfs number theirs anew at each mount.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// When a file was last written and how long it is. Rewriting a pidfile in place keeps its inode; this tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Modification time, seconds since the epoch.
    pub seconds: i64,
    /// Its nanoseconds.
    pub nanoseconds: u32,
    /// Size in bytes.
    pub size: u64,
}

/// A pidfile as it was at one moment: who has changed it since has made it another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// Which file it was.
    pub id: FileId,
    /// When it was last written.
    pub written: Written,
}

/// What one look at a pidfile found. The file stays open, so that its inode cannot become another's.
#[derive(Debug)]
pub struct Look {
    file: OwnedFd,
    /// Which file it was.
    pub id: FileId,
    /// When it was last written.
    pub written: Written,
    /// When it was last written, renamed or linked (st_ctime of stat(2)), seconds since the epoch.
    pub changed: i64,
    /// The user whose file it is.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// It has other names too.
    pub has_other_names: bool,
    /// The process ID it holds.
    pub pid: Result<Pid, NotAPid>,
}

impl Look {
    /// The pidfile as it was then.
    #[must_use]
    pub const fn version(&self) -> Version {
        Version {
            id: self.id,
            written: self.written,
        }
    }

    /// The file, open for reading.
    #[must_use]
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The file alone, to be held longer than the rest of the look is true.
    #[must_use]
    pub fn into_file(self) -> OwnedFd {
        self.file
    }
}

/// Why a look at a pidfile found nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoLook {
    /// There is no such file.
    Missing,
    /// A directory, device, FIFO, socket or symbolic link: not a pidfile, and none of ours to touch.
    NotRegular,
    /// It cannot be opened or read.
    Unreadable(Errno),
}

/// A descriptor of a directory.
#[derive(Debug)]
enum Directory<'a> {
    Own(OwnedFd),
    /// Of who has walked there.
    Lent(BorrowedFd<'a>),
}

impl AsFd for Directory<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(directory) => directory.as_fd(),
            Self::Lent(directory) => *directory,
        }
    }
}

/// A pidfile, known by a descriptor of its directory and its name there.
#[derive(Debug)]
pub struct Pidfile<'a> {
    directory: Directory<'a>,
    name: &'a CStr,
    /// The name that its record belongs to: its own, but of what lies under an aside name.
    recorded_as: &'a [u8],
    /// Who can lead its path elsewhere.
    way: Writers,
    /// See [`walk::Way::crowded`].
    crowded: bool,
}

impl<'a> Pidfile<'a> {
    /// Walks to the directory of an absolute path. The pidfile need not exist.
    ///
    /// # Errors
    /// Why the directory cannot be reached.
    pub fn at(path: &'a CStr) -> Result<Self, NoWay> {
        let bytes = path.to_bytes_with_nul();
        let slash = bytes.iter().rposition(|&byte| byte == b'/');
        let (directory, name) = slash
            .and_then(|slash| bytes.split_at_checked(slash.checked_add(1)?))
            .ok_or(Errno::INVAL)?;
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::INVAL)?;
        let way = walk::to(directory)?;
        Ok(Self {
            directory: Directory::Own(way.directory),
            name,
            recorded_as: name.to_bytes(),
            way: way.writers,
            crowded: way.crowded,
        })
    }

    /// In a directory that was walked to. The pidfile need not exist. What lies under an aside name has the record of
    /// the pidfile that it was.
    #[must_use]
    pub fn beside(way: &'a Way, name: &'a CStr) -> Self {
        let mut recorded_as = name.to_bytes();
        // Of an aside file that was itself being removed, the first name.
        while let Some(whole) = of_aside(recorded_as) {
            recorded_as = whole;
        }
        Self {
            directory: Directory::Lent(way.directory.as_fd()),
            name,
            recorded_as,
            way: way.writers.clone(),
            crowded: way.crowded,
        }
    }

    /// Opens the directory as open(2) does. The pidfile need not exist. As nothing is known of the way there, it speaks
    /// for no process.
    ///
    /// # Errors
    /// What open(2) says of the directory.
    pub fn in_directory(directory: &CStr, name: &'a CStr) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, directory, flags, Mode::empty())?;
        Ok(Self {
            directory: Directory::Own(directory),
            name,
            recorded_as: name.to_bytes(),
            way: Writers::ANYBODY,
            crowded: true,
        })
    }

    /// Who, besides root and the caller, can change the pidfile, as this look found it, or the path to it.
    #[must_use]
    pub fn writers(&self, look: &Look) -> Writers {
        let mut writers = self.way.clone();
        writers.add_file(look.file(), (look.uid, look.gid, look.mode));
        // Who can add names to the directory can add one for a file that somebody else wrote for another end.
        if self.crowded && look.has_other_names {
            writers.join(&Writers::ANYBODY);
        }
        writers
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// The name in the directory.
    #[must_use]
    pub fn name(&self) -> &'a CStr {
        self.name
    }

    /// Name of the record beside it, `httpd.pid.ward`; `None` when that would be too long a name.
    #[must_use]
    pub fn record_name(&self) -> Option<Name> {
        Name::of([self.recorded_as, RECORD, b""])
    }

    /// Name under which it is looked at once more before it is removed, `.httpd.pid.pidward`. Of a pidfile
    /// whose name leaves no room for that, only the beginning.
    #[must_use]
    pub fn aside_name(&self) -> Option<Name> {
        let name = self.name.to_bytes();
        Name::of([b".", name.get(..ASIDE_ROOM).unwrap_or(name), ASIDE])
    }

    /// Looks at what the pidfile's name stands for now.
    ///
    /// # Errors
    /// [`NoLook`], when there is no regular file to read.
    pub fn look(&self) -> Result<Look, NoLook> {
        self.look_at(self.name)
    }

    /// Looks at another name in the pidfile's directory as if it were the pidfile's.
    ///
    /// # Errors
    /// As [`Pidfile::look`].
    pub(crate) fn look_at(&self, name: &CStr) -> Result<Look, NoLook> {
        let missing = |error| match error {
            Errno::NOENT => NoLook::Missing,
            // A symbolic link, by O_NOFOLLOW; a socket, or a device without a driver.
            Errno::LOOP | Errno::NXIO | Errno::NODEV => NoLook::NotRegular,
            error => NoLook::Unreadable(error),
        };
        // To open a FIFO would wake who waits for a reader.
        let stat = rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW);
        if !is_regular(&stat.map_err(missing)?) {
            return Err(NoLook::NotRegular);
        }
        // It may be another one by now. NONBLOCK, so that a FIFO does not keep us waiting; NOCTTY for a terminal.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(&self.directory, name, flags, Mode::empty()).map_err(missing)?;
        let stat = rustix::fs::fstat(&file).map_err(NoLook::Unreadable)?;
        if !is_regular(&stat) {
            return Err(NoLook::NotRegular);
        }
        let mut buffer = [0; TEXT_MAX];
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let text = read::sized(file.as_fd(), size, &mut buffer).map_err(NoLook::Unreadable)?;
        Ok(Look {
            id: id(&stat),
            written: written(&stat),
            changed: stat.st_ctime,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: stat.st_mode,
            has_other_names: stat.st_nlink > 1,
            pid: pid_in(text),
            file,
        })
    }

    /// Whether a name in the directory stands for the file that was looked at, and it has not been written since. Its text
    /// is read again, because the clock of files is coarse.
    ///
    /// # Errors
    /// What stat(2) and pread(2) say.
    pub(crate) fn is_still(&self, name: &CStr, look: &Look) -> Result<bool, Errno> {
        let stat = rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        // The open file is asked anew: to move it can make it another one, from an overlay's lower layer to the upper one.
        let file = rustix::fs::fstat(&look.file)?;
        if id(&stat) != id(&file) || written(&stat) != look.written {
            return Ok(false);
        }
        let mut buffer = [0; TEXT_MAX];
        let length = rustix::io::pread(&look.file, &mut buffer[..], 0)?;
        let text = buffer.get(..length);
        Ok(text.is_some_and(|text| pid_in(text) == look.pid))
    }

    /// Which file a name in the directory stands for, without opening it.
    ///
    /// # Errors
    /// What stat(2) says.
    pub fn id_of(&self, name: &CStr) -> Result<FileId, Errno> {
        rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| id(&stat))
    }
}

/// The process ID in what was read of a pidfile. A number that neither a newline nor a NUL byte follows, in as much as is
/// read, may go on behind that: cut short it is another process's.
fn pid_in(text: &[u8]) -> Result<Pid, NotAPid> {
    let ends = |byte: &u8| matches!(byte, b'\n' | 0);
    if text.len() == TEXT_MAX && !text.iter().any(ends) {
        return Err(NotAPid::Garbled);
    }
    pid::parse(text)
}

/// Whether this is a regular file.
#[must_use]
pub fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Which file this is.
#[must_use]
pub fn id(stat: &Stat) -> FileId {
    FileId {
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

fn written(stat: &Stat) -> Written {
    Written {
        seconds: stat.st_mtime,
        // The kernel keeps it below 10^9 (struct timespec64); the type of the field is older than that promise.
        nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no openat(2)")]
    fn a_number_that_is_cut_short_names_no_process() {
        let directory = std::env::temp_dir().join(format!("pidward-cut-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let c_directory = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
        let pidfile = Pidfile::in_directory(&c_directory, c"x.pid").unwrap();
        let pid = |text: &[u8]| {
            std::fs::write(directory.join("x.pid"), text).unwrap();
            pidfile.look().unwrap().pid.map(Pid::get)
        };
        for blanks in 0..2 * TEXT_MAX {
            let whole = [" ".repeat(blanks).as_bytes(), b"12345\n"].concat();
            let looked_at = pid(&whole);
            assert_eq!(
                looked_at.is_ok(),
                whole.len() <= TEXT_MAX,
                "{blanks} blanks"
            );
            assert!(
                looked_at.is_err() || looked_at == Ok(12345),
                "{blanks} blanks"
            );
        }
        // A daemon that writes the whole of a buffer, or more lines than are read.
        assert_eq!(pid(&[b"318".as_slice(), &[0; 125]].concat()), Ok(318));
        assert_eq!(pid(&[b"318\n".as_slice(), &[b'x'; 125]].concat()), Ok(318));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
