//! What the kernel writes: files in /proc, and their lines.

use pidward_identity::mountinfo::{LINE, Mount, has};
use pidward_identity::pid::Pid;
use pidward_identity::pidfile::FileId;
use pidward_identity::proc_locks::{awaited, flocked};
use pidward_identity::proc_stat::{Stat, numbers, status_line};
use pidward_identity::process::ClockTicks;
use pidward_identity::read;
use rustix::fd::AsFd;
use rustix::fs::{MemfdFlags, major, memfd_create, minor};

use crate::stands_in;

/// Bit of a kernel thread in field 9 of /proc/PID/stat.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// What was read of a stat line is read again of a line that says it; and a name of any bytes moves no field.
///
/// # Panics
/// When that is not so.
pub fn proc_stat(data: &[u8]) {
    if let Some(stat) = Stat::parse(data) {
        let flags = if stat.kernel_thread { KERNEL_THREAD } else { 0 };
        let parent = stat.parent.map_or(0, Pid::get);
        let (threads, start) = (stat.threads, stat.start.0);
        let rest = format!(" {parent} 0 0 0 0 {flags} 0 0 0 0 0 0 0 0 0 0 {threads} 0 {start}");
        let line = [b"1 (", stat.comm, b") ", &[stat.state], rest.as_bytes()].concat();
        assert_eq!(Stat::parse(&line), Some(stat));
    }
    let rest = b") S 1 812 812 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 3 0 51234 99 9\n";
    let line = [b"812 (", data, rest].concat();
    let of_any_name = Stat {
        comm: data,
        state: b'S',
        parent: Pid::new(1),
        kernel_thread: false,
        threads: 3,
        start: ClockTicks(51234),
    };
    assert_eq!(Stat::parse(&line), Some(of_any_name));
}

/// What is found of a key stands behind it; and a name of any bytes, its newlines escaped, adds no line.
///
/// # Panics
/// When that is not so.
pub fn proc_status(data: &[u8]) {
    for key in ["Tgid", "Uid", "Gid", "Groups", "NSpid"] {
        let lines = data.split(|&byte| byte == b'\n');
        let beginning = format!("{key}:");
        let mut behind = lines.filter_map(|line| line.strip_prefix(beginning.as_bytes()));
        let found = status_line(data, key);
        assert_eq!(found, behind.next().map(<[u8]>::trim_ascii), "{key}");
        for number in numbers(found.unwrap_or_default()) {
            assert!(stands_in(data, &number.to_string()));
        }
    }
    let name: Vec<u8> = data.iter().copied().filter(|&it| it != b'\n').collect();
    let rest = b"\nTgid:\t812\nUid:\t0\t33\t33\t33\nNSpid:\t812\t7\n";
    let status = [b"Name:\t", name.as_slice(), rest].concat();
    assert_eq!(status_line(&status, "Tgid"), Some(&b"812"[..]));
    for (key, all) in [("Uid", &[0, 33, 33, 33][..]), ("NSpid", &[812, 7])] {
        let line = status_line(&status, key).expect("the line");
        assert!(numbers(line).eq(all.iter().copied()), "{key}");
    }
}

/// What was read of a mount is read again of a line that says it, and a path on it is below its root. A mount point of any
/// bytes, escaped, moves no field.
///
/// # Panics
/// When that is not so.
pub fn mountinfo(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let (line, path) = (parts.next(), parts.next());
    let (line, path) = (line.unwrap_or_default(), path.unwrap_or_default());
    if let Some(mount) = Mount::parse(line) {
        let again = written(&mount);
        assert!(is_same(&Mount::parse(&again).expect("a line"), &mount));
        if let Some(whole) = mount.on_file_system(path) {
            assert!(whole.len() <= LINE && has(mount.root, &whole));
        }
    }
    let escaped: Vec<u8> = data.iter().flat_map(|&byte| escape(byte)).collect();
    let mount = Mount {
        id: 36,
        device: b"98:0",
        root: b"/srv",
        point: &escaped,
        has_peers: true,
    };
    let line = written(&mount);
    assert!(is_same(&Mount::parse(&line).expect("a line"), &mount));
    let below = mount.on_file_system(&[data, b"/run"].concat());
    assert!(below.is_none_or(|below| below.starts_with(b"/srv")));
}

/// As the kernel escapes what would end a word or a line (`seq_path` of fs/seq_file.c).
fn escape(byte: u8) -> Vec<u8> {
    match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into(),
        byte => vec![byte],
    }
}

fn written(mount: &Mount<'_>) -> Vec<u8> {
    let id = mount.id.to_string();
    let peers: &[u8] = if mount.has_peers { b"shared:1 -" } else { b"-" };
    let words = [
        id.as_bytes(),
        b"35",
        mount.device,
        mount.root,
        mount.point,
        b"rw,noatime",
        peers,
        b"ext3 /dev/root rw",
    ];
    words.join(&b' ')
}

fn is_same(one: &Mount<'_>, other: &Mount<'_>) -> bool {
    let all = |it: &Mount<'_>| (it.id, it.has_peers);
    all(one) == all(other)
        && [one.device, one.root, one.point] == [other.device, other.root, other.point]
}

/// A lock is held or waited for, not both, and what was read of it is read again of a line that says it.
///
/// # Panics
/// When that is not so.
pub fn proc_locks(data: &[u8]) {
    let (held, waits) = (flocked(data), awaited(data));
    assert!(held.is_none() || waits.is_none());
    let line = |kind: &str, FileId { device, inode }| {
        let (major, minor) = (major(device), minor(device));
        assert!(stands_in(data, &inode.to_string()));
        format!("1: {kind}  ADVISORY  WRITE 90 {major:02x}:{minor:02x}:{inode} 0 EOF")
    };
    if let Some(file) = held {
        assert_eq!(flocked(line("FLOCK", file).as_bytes()), held);
    }
    if let Some(file) = waits {
        assert_eq!(awaited(line("-> POSIX", file).as_bytes()), waits);
    }
}

/// As much as is read at once: less than most lines of a corpus have, so that lines lie across it.
const AT_ONCE: usize = 16;

/// All of a file is handed over once, in its order: a line that fits as a whole, until the function has enough.
///
/// # Panics
/// When that is not so.
pub fn lines(data: &[u8]) {
    let file = memfd_create(c"lines", MemfdFlags::CLOEXEC).expect("a file in memory");
    let written = rustix::io::write(&file, data).expect("room in memory");
    assert_eq!(written, data.len(), "a file in memory takes all at once");
    let hand_over = |enough: usize| {
        rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).expect("its beginning");
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        read::lines::<AT_ONCE>(file.as_fd(), |piece| {
            pieces.push(piece.to_vec());
            pieces.len() < enough
        })
        .expect("what can be read");
        pieces
    };
    let pieces = hand_over(usize::MAX);
    let fits = |piece: &Vec<u8>| piece.len() <= AT_ONCE && !piece.contains(&b'\n');
    assert!(pieces.iter().all(fits));
    let text: Vec<u8> = data.iter().copied().filter(|&it| it != b'\n').collect();
    assert_eq!(pieces.concat(), text);
    let whole = data.strip_suffix(b"\n").unwrap_or(data);
    let whole: Vec<&[u8]> = match data {
        b"" => Vec::new(),
        _ => whole.split(|&byte| byte == b'\n').collect(),
    };
    if whole.iter().all(|line| line.len() < AT_ONCE) {
        assert_eq!(pieces, whole);
    }
    for enough in 1..=pieces.len().min(4) {
        assert_eq!(hand_over(enough), pieces[..enough]);
    }
}
