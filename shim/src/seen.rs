//! The pidfiles that this process, or the one it was forked from, has seen made, and those that were named.
//!
//! The one state of the library: a few rooms of fixed size, claimed and published by atomics, because there
//! is no allocator to ask and no lock that a signal handler could wait for. A pidfile for which no room is
//! left is not noted: the guard that `pidward run -p` starts does not need us.
#![expect(unsafe_code, reason = "static rooms, shared by atomics")]

use core::ffi::{CStr, c_int};

use libc::AT_FDCWD;
use pidward_identity::process::PidNs;
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat};
use rustix::path::DecInt;
use syscalls::{Sysno, syscall};

use crate::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering, Shared};
use crate::errno;
use crate::paths::{self, SIZE};
use crate::{guard, memory, start, wake};

/// How a file came to be noticed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// It may be new under its name.
    Created,
    /// It was there, and is written to.
    Written,
}

/// Postgres, with two pidfiles, is the daemon with the most that we know of.
pub(crate) const MOST: usize = 16;
/// One more, in which a path is made absolute to be compared with those that are known.
const ROOMS: usize = MOST + 1;

const FREE: u8 = 0;
const CLAIMED: u8 = 1;
const NAMED: u8 = 2;
const SEEN: u8 = 3;

/// Room for one absolute path, as directory, NUL, name, NUL.
pub(crate) struct Room {
    state: AtomicU8,
    name_at: AtomicU16,
    text: Shared<[u8; SIZE]>,
    /// Device and inode of the directory when the pidfile was last seen.
    directory_was: [AtomicU64; 2],
    /// The PID namespace in which it was seen: in one below, others go by the same numbers. 0 where that could not be asked.
    namespace_was: AtomicU64,
}

static ALL: [Room; ROOMS] = [const { Room::new() }; ROOMS];

/// How many pidfiles are known, or about to be.
static KNOWN: AtomicUsize = AtomicUsize::new(0);
/// How many rooms were ever in use, from the first on.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Whether any pidfile was seen.
static AWAKE: AtomicBool = AtomicBool::new(false);
/// Whether any pidfile is named, for all that is known: true until the settings are read.
static MAY_BE_NAMED: AtomicBool = AtomicBool::new(true);

/// Whether this process has seen a pidfile made; until then the library does nothing.
pub(crate) fn awake() -> bool {
    AWAKE.load(Ordering::Acquire)
}

/// The pidfiles seen.
pub(crate) fn pidfiles() -> impl Iterator<Item = &'static Room> {
    known(SEEN)
}

/// The pidfiles named and not yet seen.
pub(crate) fn named() -> impl Iterator<Item = &'static Room> {
    known(NAMED)
}

/// The rooms in this state. Behind the last that was ever in use, the pages of the rooms are not touched: most processes know
/// no pidfile. Counted are the rooms and not the pidfiles: of those, one more may be known meanwhile, in a room before.
fn known(state: u8) -> impl Iterator<Item = &'static Room> {
    ALL.iter()
        .take(USED.load(Ordering::Relaxed))
        .filter(move |room| room.state.load(Ordering::Acquire) == state)
}

impl Room {
    const fn new() -> Self {
        Self {
            state: AtomicU8::new(FREE),
            name_at: AtomicU16::new(0),
            text: Shared::new([0; SIZE]),
            directory_was: [const { AtomicU64::new(0) }; 2],
            namespace_was: AtomicU64::new(0),
        }
    }

    fn text(&self) -> &[u8; SIZE] {
        // SAFETY: the text is written only by who moved `state` from FREE to CLAIMED. Others see the room after it was moved
        // on to NAMED or SEEN, and it never changes then.
        unsafe { self.text.get() }
    }

    /// The directory, absolute.
    pub(crate) fn directory(&self) -> &CStr {
        CStr::from_bytes_until_nul(self.text()).unwrap_or_default()
    }

    /// The name in it.
    pub(crate) fn name(&self) -> &CStr {
        let name = self
            .text()
            .get(usize::from(self.name_at.load(Ordering::Relaxed))..);
        name.and_then(|name| CStr::from_bytes_until_nul(name).ok())
            .unwrap_or_default()
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name() == other.name() && self.directory() == other.directory()
    }

    /// Whether this is the directory in which the pidfile was seen, and the PID namespace. Its path may lead elsewhere by now, through
    /// a link of whoever can write a directory on it, or in another root directory; and what a daemon has forked into a namespace
    /// below may have the daemon's number there.
    pub(crate) fn was_in(&self, directory: BorrowedFd<'_>) -> bool {
        let is = |stat: Stat| {
            let was = |at: usize| {
                self.directory_was
                    .get(at)
                    .map(|it| it.load(Ordering::Relaxed))
            };
            (was(0), was(1)) == (Some(stat.st_dev), Some(stat.st_ino))
        };
        let namespace_was = self.namespace_was.load(Ordering::Relaxed);
        rustix::fs::statat(directory, c"", AtFlags::EMPTY_PATH).is_ok_and(is)
            && (namespace_was == 0 || namespace_was == namespace())
    }

    /// From named to seen; `true` for the one call that did it.
    pub(crate) fn see(&self) -> bool {
        if let Ok(stat) = rustix::fs::statat(CWD, self.directory(), AtFlags::empty()) {
            for (was, is) in self.directory_was.iter().zip([stat.st_dev, stat.st_ino]) {
                was.store(is, Ordering::Relaxed);
            }
        }
        self.namespace_was.store(namespace(), Ordering::Relaxed);
        let first = self.state.swap(SEEN, Ordering::AcqRel) != SEEN;
        AWAKE.store(true, Ordering::Release);
        first
    }

    fn release(&self) {
        self.state.store(FREE, Ordering::Release);
    }

    /// Writes the path, made absolute, into a claimed room or one that nobody else knows; `false` when that cannot be.
    fn fill(&self, dir: c_int, path: &CStr) -> bool {
        // SAFETY: the room is the caller's alone, so nobody else reads or writes the text.
        let text = unsafe { self.text.get_mut() };
        absolute(text, dir, path.to_bytes())
            .map(|name_at| self.name_at.store(name_at, Ordering::Relaxed))
            .is_some()
    }
}

/// A file was made or opened for writing under this name. What is paid for each of them is here, and the rest out of line.
#[inline(always)]
pub(crate) fn made(dir: c_int, path: &CStr, how: Made) {
    if is_pidfile_name(path) {
        is_one(dir, path, how);
    } else if MAY_BE_NAMED.load(Ordering::Relaxed) {
        may_be_named(dir, path, how);
    }
}

#[cold]
#[inline(never)]
fn is_one(dir: c_int, path: &CStr, how: Made) {
    let _errno = errno::Kept::now();
    note(dir, path, how);
}

/// A file was given another name, under which it is a pidfile if it was one before: that is known once one was seen.
#[inline(never)]
pub(crate) fn renamed(from_dir: c_int, from: &CStr, to_dir: c_int, to: &CStr) {
    if !is_pidfile_name(to) && has_name_of(pidfiles(), from) {
        let _errno = errno::Kept::now();
        if start::may_act() && !memory::is_borrowed() && was_seen(from_dir, from) {
            return note(to_dir, to, Made::Created);
        }
    }
    made(to_dir, to, Made::Created);
}

/// The user has named a pidfile. Only absolute paths name one.
pub(crate) fn name(path: &CStr) {
    if path.to_bytes().first() != Some(&b'/') {
        return;
    }
    match claim(AT_FDCWD, path) {
        Some(room) if is_one_more() => room.state.store(NAMED, Ordering::Release),
        Some(room) => room.release(),
        None => {}
    }
}

/// The user has named no other.
pub(crate) fn all_are_named() {
    MAY_BE_NAMED.store(named().next().is_some(), Ordering::Relaxed);
}

fn note(dir: c_int, path: &CStr, how: Made) {
    if !start::may_act() {
        return;
    }
    if memory::is_borrowed() {
        return guard_only(dir, path);
    }
    let Some(claimed) = claim(dir, path) else {
        return;
    };
    match same_as(claimed) {
        Some(known) => {
            claimed.release();
            wake::on(known, known.see(), how);
        }
        None if is_one_more() => wake::on(claimed, claimed.see(), how),
        // Of so many, one that is new has a guard alone.
        None => {
            if how == Made::Created {
                guard::start(claimed);
            }
            claimed.release();
        }
    }
}

/// What executes a program next may be the daemon: its guard knows what this process must not keep. Out of line, because
/// the room is larger than some stacks on which a pidfile is made.
#[cold]
#[inline(never)]
fn guard_only(dir: c_int, path: &CStr) {
    let room = Room::new();
    if room.fill(dir, path) {
        guard::start(&room);
    }
}

fn was_seen(dir: c_int, path: &CStr) -> bool {
    let Some(claimed) = claim(dir, path) else {
        return false;
    };
    let seen = pidfiles().any(|room| room.is_same(claimed));
    claimed.release();
    seen
}

/// Whether there is room for one more. Counted before it is known: of two threads, one takes the last room.
fn is_one_more() -> bool {
    let more = |known: usize| (known < MOST).then(|| known.wrapping_add(1));
    let taken = KNOWN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    taken.is_ok()
}

/// A room with this path in it, known to the caller alone.
fn claim(dir: c_int, path: &CStr) -> Option<&'static Room> {
    let claimed = |(_, room): &(usize, &Room)| {
        room.state
            .compare_exchange(FREE, CLAIMED, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    };
    let (before, room) = ALL.iter().enumerate().find(claimed)?;
    // Before it is known: who knows that it is, finds it.
    USED.fetch_max(before.wrapping_add(1), Ordering::Relaxed);
    if room.fill(dir, path) {
        Some(room)
    } else {
        room.release();
        None
    }
}

fn same_as(claimed: &Room) -> Option<&'static Room> {
    pidfiles().chain(named()).find(|room| room.is_same(claimed))
}

/// The PID namespace of this process; 0 where that cannot be asked.
fn namespace() -> u64 {
    PidNs::current().map_or(0, |namespace| namespace.0)
}

/// The last path component ends in `pid`, in any case: `httpd.pid`, `pid`, `RUNNING_PID`.
#[inline(always)]
fn is_pidfile_name(path: &CStr) -> bool {
    // The bits that tell small letters from capital ones. With its NUL, the end is a word: one load, and one comparison.
    const SMALL: u32 = u32::from_ne_bytes([0x20, 0x20, 0x20, 0]);
    const END: u32 = u32::from_ne_bytes(*b"pid\0");
    let split = path.to_bytes_with_nul().split_last_chunk();
    split.is_some_and(|(_, &end)| u32::from_ne_bytes(end) | SMALL == END)
}

#[cold]
#[inline(never)]
fn may_be_named(dir: c_int, path: &CStr, how: Made) {
    if start::steps_aside() {
        return;
    }
    start::read_settings();
    if has_name_of(named(), path) {
        is_one(dir, path, how);
    }
}

/// Whether the last path component is the name of one of them, wherever that lies.
fn has_name_of(mut rooms: impl Iterator<Item = &'static Room>, path: &CStr) -> bool {
    let name = path.to_bytes().rsplit(|&byte| byte == b'/').next();
    rooms.any(|room| Some(room.name().to_bytes()) == name)
}

/// Writes the path as directory, NUL, name, NUL and gives the place of the name. A relative path is one from
/// the directory behind `dir`, `AT_FDCWD` being the current one.
fn absolute(text: &mut [u8; SIZE], dir: c_int, path: &[u8]) -> Option<u16> {
    let mut end = 0;
    if path.first() != Some(&b'/') {
        end = directory_of(dir, text)?;
        *text.get_mut(end)? = b'/';
        end = end.checked_add(1)?;
    }
    paths::split(text, end, path)
}

/// Writes the path of a directory and gives its length, 0 for the root directory: a slash follows.
fn directory_of(dir: c_int, text: &mut [u8; SIZE]) -> Option<usize> {
    let length = if dir == AT_FDCWD {
        // SAFETY: the kernel writes at most `SIZE` bytes to the text (getcwd(2)).
        let written = unsafe { syscall!(Sysno::getcwd, text.as_mut_ptr(), SIZE) }.ok()?;
        written.checked_sub(1)?
    } else {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fds = rustix::fs::openat(CWD, c"/proc/thread-self/fd", flags, Mode::empty()).ok()?;
        let written =
            rustix::fs::readlinkat_raw(&fds, DecInt::new(dir), text.as_mut_slice()).ok()?;
        if written >= SIZE {
            return None;
        }
        written
    };
    // What is outside our root directory, or no directory, has no absolute path.
    match text.get(..length)? {
        b"/" => Some(0),
        [b'/', ..] => Some(length),
        _ => None,
    }
}
