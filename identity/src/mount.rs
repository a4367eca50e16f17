//! Whether a file is seen by others than ourselves: by other machines, or by other PID namespaces of this one.
//!
//! What no mount table tells is the limit: of a file system that a container runtime has mounted in several containers
//! as a whole, each of them sees but its own mount.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use arrayvec::ArrayVec;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxFlags};
use rustix::io::Errno;
use rustix::path::DecInt;

use crate::below::{self, Below};
use crate::mountinfo::{self, LINE, Mount, has};
use crate::pid::decimal;
use crate::pidfile::{Look, Pidfile};
use crate::process::{PidNs, ProcDir};
use crate::read;
use crate::walk;

/// The file systems of one machine (include/uapi/linux/magic.h): others are a network's, or may be.
const LOCAL: [u64; 12] = [
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0xf2f5_2010, // f2fs
    0x794c_7630, // overlay
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x7371_7368, // squashfs
];

/// Those of them that are made for one mount, as a container's root or its /run are.
const OF_ONE_MOUNT: [u64; 3] = [
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlay
];

/// Whether a pidfile is seen by others: it is mounted by itself, or its directory is. When in doubt, it is.
#[must_use]
pub fn is_shared(pidfile: &Pidfile<'_>, look: &Look) -> bool {
    is_mounted_apart(look.file(), pidfile.directory())
        || is_shared_where(pidfile.directory(), |own| {
            below::any(|process| own.is_in_sight_of(process)) != Below::Nobody
        })
}

/// Whether a directory is seen by others; the function says whether a process below has it among its mounts.
#[must_use]
pub fn is_shared_where(
    directory: BorrowedFd<'_>,
    is_seen_below: impl FnOnce(&Own) -> bool,
) -> bool {
    let file_system = rustix::fs::fstatfs(directory).ok();
    let kind = file_system.and_then(|it| u64::try_from(it.f_type).ok());
    if kind.is_none_or(|kind| !LOCAL.contains(&kind)) {
        return true;
    }
    let Some(own) = Own::of(directory) else {
        return true;
    };
    if PidNs::current() == Some(PidNs::FIRST) {
        // All others are below.
        is_seen_below(&own)
    } else {
        // Of a disk, the mount does not tell who else has it: it may be the host's, or a volume.
        own.comes_from_elsewhere || kind.is_none_or(|kind| !OF_ONE_MOUNT.contains(&kind))
    }
}

/// What a file is mounted with: two of the same are on one file system, and on one mount of it where the kernel tells
/// mounts apart (`STATX_MNT_ID`, since Linux 5.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mounted {
    device: (u32, u32),
    mount: Option<u64>,
}

/// A directory, as it is seen through a mount. Two of the same are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    mounted: Mounted,
    inode: u64,
}

impl Spot {
    /// Of an open file; `None` where the kernel does not tell mounts apart.
    #[must_use]
    pub fn of(file: BorrowedFd<'_>) -> Option<Self> {
        let it = statx(file).ok()?;
        let mounted = Mounted::told(&it);
        mounted.mount.map(|_| Self {
            mounted,
            inode: it.stx_ino,
        })
    }

    /// Whether an open file is on the same mount.
    #[must_use]
    pub fn has_mount_of(&self, file: BorrowedFd<'_>) -> bool {
        Mounted::of(file).is_ok_and(|it| it.is_same_mount(&self.mounted))
    }
}

fn statx(file: BorrowedFd<'_>) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(file, c"", flags, StatxFlags::INO | StatxFlags::MNT_ID)
}

impl Mounted {
    /// Whether that is one mount of one file system, as far as the kernel tells. A subvolume of btrfs is one by itself.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.device == other.device && self.is_same_mount(other)
    }

    /// Whether that is one mount. Only where the kernel does not tell mounts apart it goes by the device: an overlay's files have
    /// another one than their directory while they are in a lower layer.
    fn is_same_mount(&self, other: &Self) -> bool {
        match self.mount.zip(other.mount) {
            Some((one, other)) => one == other,
            None => self.device == other.device,
        }
    }

    /// Of an open file.
    ///
    /// # Errors
    /// What statx(2) says.
    pub fn of(file: BorrowedFd<'_>) -> Result<Self, Errno> {
        match statx(file) {
            Ok(it) => Ok(Self::told(&it)),
            // Before Linux 4.11, or a filter that does not know it.
            Err(Errno::NOSYS | Errno::PERM) => {
                let device = walk::stat(file)?.st_dev;
                Ok(Self {
                    device: (rustix::fs::major(device), rustix::fs::minor(device)),
                    mount: None,
                })
            }
            Err(error) => Err(error),
        }
    }

    fn told(it: &Statx) -> Self {
        let has_mount = it.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Self {
            device: (it.stx_dev_major, it.stx_dev_minor),
            mount: has_mount.then_some(it.stx_mnt_id),
        }
    }
}

/// Whether two files are mounted apart, as when one of them is a mount point itself. When that cannot be told, they are.
#[must_use]
pub fn is_mounted_apart(file: BorrowedFd<'_>, directory: BorrowedFd<'_>) -> bool {
    let mounted = Mounted::of(file).and_then(|file| Ok((file, Mounted::of(directory)?)));
    !mounted.is_ok_and(|(file, directory)| file.is_same_mount(&directory))
}

/// The device of the file system that a file is on, as the kernel's own tables have it. stat(2) tells another one of the files of
/// btrfs, where each subvolume has its own, and of those in a lower layer of an overlay. `None` where it cannot be told.
#[must_use]
pub fn device_of(file: BorrowedFd<'_>) -> Option<u64> {
    let id = Mounted::of(file).ok()?.mount?;
    // Asked of the thread: when the first one has ended, /proc/self shows nothing any more.
    let table = open(CWD, c"/proc/thread-self/mountinfo")?;
    let mut device = None;
    read::lines::<256>(table.as_fd(), |line| {
        device = mountinfo::device_of(line, id);
        device.is_none()
    })
    .ok()?;
    device
}

/// The mount that a directory is on, as our own table has it.
#[derive(Debug)]
pub struct Own {
    device: ArrayVec<u8, 24>,
    /// The directory's path on its file system; `None` where it cannot be told.
    path: Option<ArrayVec<u8, LINE>>,
    /// It is a part of a file system, or what is mounted below it is mounted elsewhere too.
    comes_from_elsewhere: bool,
}

impl Own {
    #[inline(never)]
    fn of(directory: BorrowedFd<'_>) -> Option<Self> {
        let number = DecInt::new(directory.as_raw_fd());
        let id = id(&number)?;
        let links = open(CWD, c"/proc/self/fd")?;
        let mut buffer = [MaybeUninit::uninit(); LINE];
        let (path, _) =
            rustix::fs::readlinkat_raw(&links, number.as_c_str(), &mut buffer[..]).ok()?;
        let table = open(CWD, c"/proc/self/mountinfo")?;
        let mut own = None;
        read::lines::<LINE>(table.as_fd(), |line| {
            let mount = Mount::parse(line).filter(|mount| mount.id == id);
            own = mount.and_then(|mount| Self::on(&mount, path));
            own.is_none()
        })
        .ok()?;
        own
    }

    fn on(mount: &Mount<'_>, path: &[u8]) -> Option<Self> {
        Some(Self {
            device: mount.device.try_into().ok()?,
            path: mount.on_file_system(path),
            comes_from_elsewhere: mount.root != b"/" || mount.has_peers,
        })
    }

    /// Whether the process has the same directory somewhere among its mounts.
    fn is_in_sight_of(&self, process: &ProcDir) -> bool {
        let mut found = false;
        let known = each_of(process, |device, root| {
            found = self.is_seen_through(device, root);
            !found
        });
        found || !known
    }

    /// Whether it is seen by who has this part of the file system of this device mounted.
    #[must_use]
    pub fn is_seen_through(&self, device: &[u8], root: &[u8]) -> bool {
        let path = self.path.as_deref();
        device == self.device.as_slice() && path.is_none_or(|it| has(root, it))
    }
}

/// Hands device and root of each of the process's mounts to the function, until it answers `false`. Whether they were to
/// be had.
pub fn each_of(process: &ProcDir, mut then: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    let Some(table) = process.mounts() else {
        return false;
    };
    let read = read::lines::<LINE>(table.as_fd(), |line| {
        Mount::parse(line).is_none_or(|mount| then(mount.device, mount.root))
    });
    read.is_ok()
}

/// The number of the mount that a descriptor is on, `proc_pid_fdinfo(5)`.
fn id(number: &DecInt) -> Option<u64> {
    let infos = open(CWD, c"/proc/self/fdinfo")?;
    let info = open(&infos, number.as_c_str())?;
    let mut id = None;
    read::lines::<256>(info.as_fd(), |line| {
        let value = line.strip_prefix(b"mnt_id:");
        id = value.and_then(|value| decimal(value.trim_ascii()));
        id.is_none()
    })
    .ok()?;
    id
}

fn open(directory: impl AsFd, path: &CStr) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, path, flags, Mode::empty()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no fstatfs(2)")]
    fn a_file_system_of_a_network_is_shared() {
        // A pipe's file system stands in for one of an unknown kind.
        let (pipe, _) = rustix::pipe::pipe().unwrap();
        assert!(is_shared_where(pipe.as_fd(), |_| false));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no openat(2)")]
    fn the_mount_that_a_directory_is_on_is_found() {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let proc = rustix::fs::openat(CWD, c"/proc/sys", flags, Mode::empty()).unwrap();
        let device = walk::stat(proc.as_fd()).unwrap().st_dev;
        assert_eq!(device_of(proc.as_fd()), Some(device));
        let own = Own::of(proc.as_fd()).unwrap();
        assert_eq!(own.path.unwrap().as_slice(), b"/sys");
    }
}
