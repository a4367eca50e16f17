//! `/proc/PID/mountinfo`, from bytes. See `proc_pid_mountinfo(5)`.

use arrayvec::ArrayVec;

use crate::pid::decimal;

/// A line is cut there: what matters is at its beginning, but for a path of great length.
pub const LINE: usize = 4096;

/// A line of `proc_pid_mountinfo(5)`: `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw`.
#[derive(Debug)]
pub struct Mount<'a> {
    /// Its number.
    pub id: u64,
    /// The file system's device, `major:minor`.
    pub device: &'a [u8],
    /// The directory of the file system that is mounted, as the table escapes it.
    pub root: &'a [u8],
    /// Where it is mounted, likewise.
    pub point: &'a [u8],
    /// What is mounted below it is mounted elsewhere too.
    pub has_peers: bool,
}

impl<'a> Mount<'a> {
    /// Reads a line. `None` when it is not such a one.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = line.split(|&byte| byte == b' ');
        let id = decimal(words.next()?)?;
        let (device, root, point) = (words.nth(1)?, words.next()?, words.next()?);
        let mut optional = words.skip(1).take_while(|&word| word != b"-");
        let is_peer = |word: &[u8]| word.starts_with(b"shared:") || word.starts_with(b"master:");
        Some(Self {
            id,
            device,
            root,
            point,
            has_peers: optional.any(is_peer),
        })
    }

    /// The number of its device, as stat(2) has one.
    fn device(&self) -> Option<u64> {
        let mut parts = self.device.split(|&byte| byte == b':');
        let mut part = || u32::try_from(decimal(parts.next()?)?).ok();
        Some(rustix::fs::makedev(part()?, part()?))
    }

    /// A path as its file system has it; `None` for one that does not lead through the mount point. Characters that the table
    /// escapes are not looked into.
    #[must_use]
    pub fn on_file_system(&self, path: &[u8]) -> Option<ArrayVec<u8, LINE>> {
        let escapes = |text: &[u8]| text.contains(&b'\\');
        if escapes(self.root) || escapes(self.point) {
            return None;
        }
        let behind = |directory: &'a [u8]| directory.strip_suffix(b"/").unwrap_or(directory);
        let rest = path.strip_prefix(behind(self.point)).filter(is_below)?;
        let mut whole = ArrayVec::new();
        for part in [behind(self.root), rest] {
            whole.try_extend_from_slice(part).ok()?;
        }
        Some(whole)
    }
}

/// The device of the mount of this number, when the line is its.
#[must_use]
pub fn device_of(line: &[u8], id: u64) -> Option<u64> {
    let mount = Mount::parse(line).filter(|mount| mount.id == id);
    mount.and_then(|mount| mount.device())
}

/// Whether a directory of a file system is seen through a mount of this root.
#[must_use]
pub fn has(root: &[u8], path: &[u8]) -> bool {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = path.strip_prefix(root);
    // What is escaped may be anything.
    root.contains(&b'\\') || rest.is_some_and(|rest| is_below(&rest))
}

/// Whether what follows a directory's path makes it a path of what is in it, or its own.
fn is_below(rest: &&[u8]) -> bool {
    matches!(rest.first(), None | Some(b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_found_through_the_mounts_that_have_it() {
        let line = b"36 35 98:0 /srv /var/data rw,noatime shared:1 - ext3 /dev/root rw";
        let own = Mount::parse(line).unwrap();
        assert!(own.has_peers && own.device == b"98:0" && own.id == 36);
        let path = own.on_file_system(b"/var/data/run/app").unwrap();
        assert_eq!(path.as_slice(), b"/srv/run/app");
        for (root, has) in [
            ("/", true),
            ("/srv", true),
            ("/srv/run/app", true),
            ("/srv/run/app/deeper", false),
            ("/srv/ru", false),
            ("/a\\040b", true),
        ] {
            let line = format!("40 30 98:0 {root} /mnt rw - ext3 /dev/root rw");
            let mount = Mount::parse(line.as_bytes()).unwrap();
            assert!(!mount.has_peers);
            assert_eq!(super::has(mount.root, &path), has, "{root}");
        }
        let top = Mount::parse(b"1 0 98:0 / / rw - ext3 x rw").unwrap();
        let path = top.on_file_system(b"/run").unwrap();
        assert_eq!(path.as_slice(), b"/run");
    }

    #[test]
    fn the_device_of_a_mount_is_found_by_the_mounts_number() {
        let line = b"36 35 8:258 / /srv rw - btrfs x rw";
        assert_eq!(device_of(line, 36), Some(rustix::fs::makedev(8, 258)));
        assert_eq!(device_of(line, 35), None);
        assert_eq!(device_of(b"36 35 8 / /srv rw - btrfs x rw", 36), None);
    }

    #[test]
    fn a_path_beside_a_mount_point_is_not_on_its_file_system() {
        let mount = Mount::parse(b"36 35 98:0 /srv /var/data rw - ext3 x rw").unwrap();
        for (path, is_on) in [
            ("/var/data", true),
            ("/var/data/x", true),
            ("/var/database", false),
            ("/var/dat", false),
            ("/", false),
            ("", false),
        ] {
            let whole = mount.on_file_system(path.as_bytes());
            assert_eq!(whole.is_some(), is_on, "{path}");
        }
    }
}
