//! The way to a pidfile's directory, walked once, a component at a time, through descriptors.
//!
//! What was looked at is what is stepped into: each directory is opened in the one before it and then asked who can
//! change it. A symbolic link is followed only where root or the caller owns it.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use arrayvec::ArrayVec;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
pub use rustix::fs::FileType;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;

use crate::mount::Mounted;
use crate::pidfile::{FileId, id};
use crate::trust::Writers;

/// The longest path, with its terminating NUL (`PATH_MAX`, limits.h(0p)).
const PATH_MAX: usize = 4096;

/// As many links as the kernel follows (`path_resolution(7)`).
const MOST_LINKS: u32 = 40;

/// The file system of /proc (`PROC_SUPER_MAGIC`, include/uapi/linux/magic.h).
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// Where the way leads, and who can lead it elsewhere.
#[derive(Debug)]
pub struct Way {
    /// The directory at its end.
    pub directory: OwnedFd,
    /// Who, besides root and the caller, can change one of the directories on it.
    pub writers: Writers,
    /// Others can add files to the last directory, and not change those of others: it is sticky.
    pub crowded: bool,
}

/// Why there is no way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoWay {
    /// A directory on it cannot be opened.
    Refused(Errno),
    /// A symbolic link on it belongs to this user, who could have it lead anywhere.
    Link(u32),
}

impl From<Errno> for NoWay {
    fn from(error: Errno) -> Self {
        Self::Refused(error)
    }
}

/// Walks an absolute path.
///
/// # Errors
/// [`NoWay`]: why it does not lead to a directory.
#[inline(never)]
pub fn to(path: &[u8]) -> Result<Way, NoWay> {
    let mut rest = Rest::new();
    rest.put(path)?;
    if path.first() != Some(&b'/') {
        return Err(NoWay::Refused(Errno::INVAL));
    }
    let mut way = Way::from_root()?;
    let mut links = 0;
    let mut name = ArrayVec::new();
    while rest.next_into(&mut name)? {
        let name = CStr::from_bytes_with_nul(&name).map_err(|_| Errno::INVAL)?;
        match open(&way.directory, name, OFlags::DIRECTORY | OFlags::NOFOLLOW) {
            Ok(directory) => way.enter(directory)?,
            Err(Errno::NOTDIR | Errno::LOOP) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(NoWay::Refused(Errno::LOOP));
                }
                way.follow(name, &mut rest)?;
            }
            Err(error) => return Err(NoWay::Refused(error)),
        }
    }
    Ok(way)
}

impl Way {
    /// Goes on to the directory of this name, and not through a link.
    ///
    /// # Errors
    /// `NOTDIR` when it is none; what open(2) says.
    pub fn down(&self, name: &CStr) -> Result<Self, Errno> {
        let directory = open(&self.directory, name, OFlags::DIRECTORY | OFlags::NOFOLLOW)?;
        let mut writers = self.writers.clone();
        let crowded = writers.add_directory(directory.as_fd())?;
        Ok(Self {
            directory,
            writers,
            crowded,
        })
    }

    /// Which directory it leads to.
    ///
    /// # Errors
    /// What stat(2) says.
    pub fn id(&self) -> Result<FileId, Errno> {
        stat(self.directory.as_fd()).map(|stat| id(&stat))
    }

    /// What the directory is mounted with.
    ///
    /// # Errors
    /// What statx(2) says.
    pub fn mounted(&self) -> Result<Mounted, Errno> {
        Mounted::of(self.directory.as_fd())
    }

    /// Hands each entry of the directory to the function, as it is read: its name, and what it is.
    ///
    /// # Errors
    /// What open(2) and getdents(2) say.
    pub fn each(&self, mut then: impl FnMut(&CStr, FileType)) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.directory, c".", flags, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&directory, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let mut kind = entry.file_type();
            // Some file systems do not tell.
            if kind == FileType::Unknown {
                let stat = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
                kind = stat.map_or(kind, |it| FileType::from_raw_mode(it.st_mode));
            }
            then(name, kind);
        }
        Ok(())
    }

    fn from_root() -> Result<Self, Errno> {
        let root = open(CWD, c"/", OFlags::DIRECTORY)?;
        let mut way = Self {
            directory: root.try_clone().map_err(|_| Errno::MFILE)?,
            writers: Writers::NOBODY,
            crowded: false,
        };
        way.enter(root)?;
        Ok(way)
    }

    fn enter(&mut self, directory: OwnedFd) -> Result<(), Errno> {
        self.crowded = self.writers.add_directory(directory.as_fd())?;
        self.directory = directory;
        Ok(())
    }

    /// Follows the link of this name, if it is one that may be followed.
    fn follow(&mut self, name: &CStr, rest: &mut Rest) -> Result<(), NoWay> {
        let link = open(&self.directory, name, OFlags::NOFOLLOW)?;
        let stat = stat(link.as_fd())?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            // It has just become one.
            return Ok(self.enter(link)?);
        }
        if kind != FileType::Symlink {
            return Err(NoWay::Refused(Errno::NOTDIR));
        }
        if stat.st_uid != 0 && stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(NoWay::Link(stat.st_uid));
        }
        // The links of proc(5) lead where their text does not: to another root, to a directory without a name.
        let file_system = rustix::fs::fstatfs(&link)?.f_type;
        if u64::try_from(file_system) == Ok(PROC_SUPER_MAGIC) {
            let target = open(&self.directory, name, OFlags::DIRECTORY)?;
            return Ok(self.enter(target)?);
        }
        let mut buffer = [MaybeUninit::uninit(); PATH_MAX];
        let (target, _) = rustix::fs::readlinkat_raw(&link, c"", &mut buffer[..])?;
        if target.first() == Some(&b'/') {
            self.directory = open(CWD, c"/", OFlags::DIRECTORY)?;
        }
        Ok(rest.put(target)?)
    }
}

fn open(directory: impl AsFd, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// What a descriptor of `O_PATH` stands for.
pub(crate) fn stat(file: BorrowedFd<'_>) -> Result<Stat, Errno> {
    rustix::fs::statat(file, c"", AtFlags::EMPTY_PATH)
}

/// What is yet to be walked.
struct Rest(ArrayVec<u8, PATH_MAX>, usize);

impl Rest {
    const fn new() -> Self {
        Self(ArrayVec::new_const(), 0)
    }

    /// Puts a path in front of the rest.
    fn put(&mut self, path: &[u8]) -> Result<(), Errno> {
        let rest = self.0.clone();
        let rest = rest.get(self.1..).unwrap_or_default();
        self.0.clear();
        self.1 = 0;
        for part in [path, b"/", rest] {
            let put = self.0.try_extend_from_slice(part);
            put.map_err(|_| Errno::NAMETOOLONG)?;
        }
        Ok(())
    }

    /// Takes the next component, and ends it with a NUL. `false` when there is none.
    fn next_into(&mut self, name: &mut ArrayVec<u8, 256>) -> Result<bool, Errno> {
        loop {
            let rest = self.0.get(self.1..).unwrap_or_default();
            let Some(length) = rest.iter().position(|&byte| byte == b'/') else {
                return Ok(false);
            };
            let part = rest.get(..length).unwrap_or_default();
            self.1 = self.1.saturating_add(length).saturating_add(1);
            if part.is_empty() || part == b"." {
                continue;
            }
            name.clear();
            for bytes in [part, b"\0"] {
                let put = name.try_extend_from_slice(bytes);
                put.map_err(|_| Errno::NAMETOOLONG)?;
            }
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    /// The directories that two paths lead to, as the kernel walks them and as we do.
    fn both(path: &std::path::Path) -> (u64, u64) {
        let way = to(path.to_str().unwrap().as_bytes()).unwrap();
        let ours = stat(way.directory.as_fd()).unwrap().st_ino;
        (std::fs::metadata(path).unwrap().ino(), ours)
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no openat(2)")]
    fn the_way_leads_where_the_kernel_goes() {
        let top = std::env::temp_dir().join(format!("pidward-walk-{}", std::process::id()));
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        symlink("a/b", top.join("relative")).unwrap();
        symlink(top.join("a"), top.join("absolute")).unwrap();
        symlink("loop", top.join("loop")).unwrap();
        std::fs::write(top.join("file"), "").unwrap();
        for path in [
            "",
            "a//b/.",
            "a/b/../b",
            "relative",
            "relative/..",
            "absolute/b/",
            "absolute/../relative",
        ] {
            let (kernel, ours) = both(&top.join(path));
            assert_eq!(kernel, ours, "{path}");
        }
        let refused = |path: &str| to(top.join(path).to_str().unwrap().as_bytes()).unwrap_err();
        let errors = [
            refused("loop"),
            refused("file"),
            refused("file/x"),
            refused("nowhere/x"),
            refused(&"x".repeat(256)),
            refused(&"x/".repeat(2100)),
            to(b"relative").unwrap_err(),
        ];
        std::fs::remove_dir_all(&top).unwrap();
        let expected = [
            Errno::LOOP,
            Errno::NOTDIR,
            Errno::NOTDIR,
            Errno::NOENT,
            Errno::NAMETOOLONG,
            Errno::NAMETOOLONG,
            Errno::INVAL,
        ];
        assert_eq!(errors, expected.map(NoWay::Refused));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no openat(2)")]
    fn a_link_of_proc_leads_where_it_leads_and_not_where_its_text_does() {
        let (kernel, ours) = both(std::path::Path::new("/proc/self/root"));
        assert_eq!(kernel, ours);
        let directory = std::fs::File::open("/etc").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&directory);
        let (kernel, ours) = both(std::path::Path::new(&format!("/proc/self/fd/{number}")));
        assert_eq!(kernel, ours);
    }
}
