//! The record beside a pidfile, `<pidfile>.ward`: which process was meant.
//!
//! Text, one `key value` a line, unknown keys ignored. The guard writes it in place, under an exclusive
//! flock(2), and its last line, `end`, last: what does not end with it was not written to its end.

use core::fmt::{self, Write};

use arrayvec::ArrayVec;

use crate::pid::{Pid, decimal, signed};
use crate::pidfd::Handle;
use crate::pidfile::{Look, Written};
use crate::process::{BootId, ClockTicks, MachineId, PidNs};

/// The longest record that is written or read: one path of `PATH_MAX`, and 1 KiB for all the rest.
pub const TEXT_MAX: usize = 4096 + 1024;

/// The first line of every record.
pub const BEGINNING: &[u8] = b"pidward 1\n";

/// A record's text.
pub type Text = ArrayVec<u8, TEXT_MAX>;

/// What the record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The process, by its number in the PID namespace of the guard.
    pub pid: Pid,
    /// When it started.
    pub start: ClockTicks,
    /// Under which boot.
    pub boot: BootId,
    /// In which PID namespace.
    pub pid_ns: PidNs,
    /// Inode of its pidfd; 0 before Linux 6.9.
    pub pidfd: u64,
    /// File handle of its pidfd: in hexadecimal its type, 8 digits, and its bytes; before Linux 6.14 `-`.
    pub handle: Option<Handle>,
    /// On which machine; `-` where it has no identity.
    pub machine: Option<MachineId>,
    /// The program it ran when it was recorded, for people to read. Control characters are written as `?`.
    pub exe: &'a [u8],
    /// Its effective user when it was recorded.
    pub uid: u32,
    /// Inode of the pidfile.
    pub file: u64,
    /// When the pidfile was last written, and its size.
    pub written: Written,
    /// The guard, by its number in its own PID namespace.
    pub guard: Pid,
}

/// These bytes are no record: not of this version, not complete, or not sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotARecord;

impl<'a> Record<'a> {
    /// Whether it speaks of this pidfile as it is now. Beside one that holds another number, is another
    /// file, or was written since, it means nothing.
    #[must_use]
    pub fn is_of(&self, look: &Look) -> bool {
        look.pid == Ok(self.pid) && look.id.inode == self.file && look.written == self.written
    }

    /// Reads a record's text.
    ///
    /// # Errors
    /// [`NotARecord`], when it is not one: without its last line, with a key twice or missing, a number that
    /// does not fit.
    pub fn parse(text: &'a [u8]) -> Result<Self, NotARecord> {
        let lines = text
            .strip_prefix(BEGINNING)
            .and_then(|text| text.strip_suffix(b"end\n"));
        let lines = lines.and_then(|lines| {
            if lines.is_empty() {
                None
            } else {
                lines.strip_suffix(b"\n")
            }
        });
        Fields::of(lines.ok_or(NotARecord)?)
            .and_then(|fields| fields.record())
            .ok_or(NotARecord)
    }

    /// The record's text; `None` when it is longer than [`TEXT_MAX`].
    #[must_use]
    pub fn text(&self) -> Option<Text> {
        let mut out = Out(Text::new());
        self.write(&mut out).ok()?;
        Some(out.0)
    }

    fn write(&self, out: &mut Out) -> fmt::Result {
        write!(
            out,
            "pidward 1\npid {}\nstart {}\nboot ",
            self.pid.get(),
            self.start.0
        )?;
        out.bytes(&self.boot.0)?;
        write!(
            out,
            "\npidns {}\npidfd {}\nhandle ",
            self.pid_ns.0, self.pidfd
        )?;
        match &self.handle {
            None => out.write_str("-")?,
            Some(handle) => {
                write!(out, "{:08x}", handle.kind)?;
                handle
                    .bytes
                    .iter()
                    .try_for_each(|byte| write!(out, "{:02x}", u32::from(*byte)))?;
            }
        }
        out.write_str("\nmachine ")?;
        out.bytes(self.machine.as_ref().map_or(b"-", |machine| &machine.0))?;
        out.write_str("\nexe ")?;
        for byte in self.exe {
            out.bytes(&[if byte.is_ascii_control() { b'?' } else { *byte }])?;
        }
        write!(out, "\nuid {}\nfile {}\nwritten ", self.uid, self.file)?;
        let Written {
            seconds,
            nanoseconds,
            size,
        } = self.written;
        write!(
            out,
            "{seconds}.{nanoseconds:09} {size}\nguard {}\nend\n",
            self.guard.get()
        )
    }
}

struct Out(Text);

impl Out {
    fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        self.0.try_extend_from_slice(bytes).map_err(|_| fmt::Error)
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes())
    }
}

/// The values by key, as they stand in the text.
#[derive(Default)]
struct Fields<'a> {
    values: [Option<&'a [u8]>; KEYS.len()],
}

const KEYS: [&[u8]; 12] = [
    b"pid", b"start", b"boot", b"pidns", b"pidfd", b"handle", b"machine", b"exe", b"uid", b"file",
    b"written", b"guard",
];

impl<'a> Fields<'a> {
    fn of(lines: &'a [u8]) -> Option<Self> {
        let mut fields = Self::default();
        for line in lines.split(|&byte| byte == b'\n') {
            let space = line.iter().position(|&byte| byte == b' ')?;
            let (key, value) = (line.get(..space)?, line.get(space.checked_add(1)?..)?);
            let Some(index) = KEYS.iter().position(|&known| known == key) else {
                continue;
            };
            if fields.values.get_mut(index)?.replace(value).is_some() {
                return None;
            }
        }
        Some(fields)
    }

    fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        let index = KEYS.iter().position(|&known| known == key)?;
        *self.values.get(index)?
    }

    /// As it is written, without zeros in front: a damaged digit is not to make a number of another length.
    fn number(&self, key: &[u8]) -> Option<u64> {
        let digits = self.get(key)?;
        let is_canonical = digits == b"0" || digits.first() != Some(&b'0');
        decimal(digits).filter(|_| is_canonical)
    }

    fn pid(&self, key: &[u8]) -> Option<Pid> {
        i32::try_from(self.number(key)?).ok().and_then(Pid::new)
    }

    fn record(&self) -> Option<Record<'a>> {
        Some(Record {
            pid: self.pid(b"pid")?,
            start: ClockTicks(self.number(b"start")?),
            boot: BootId(self.get(b"boot")?.try_into().ok()?),
            pid_ns: PidNs(self.number(b"pidns")?),
            pidfd: self.number(b"pidfd")?,
            handle: or_dash(self.get(b"handle")?, handle)?,
            machine: or_dash(self.get(b"machine")?, |id| {
                id.try_into().ok().map(MachineId)
            })?,
            exe: self.get(b"exe")?,
            uid: u32::try_from(self.number(b"uid")?).ok()?,
            file: self.number(b"file")?,
            written: written(self.get(b"written")?)?,
            guard: self.pid(b"guard")?,
        })
    }
}

/// `-` is no value; anything else has to be a sound one.
fn or_dash<'a, T>(value: &'a [u8], sound: impl FnOnce(&'a [u8]) -> Option<T>) -> Option<Option<T>> {
    if value == b"-" {
        Some(None)
    } else {
        sound(value).map(Some)
    }
}

fn handle(digits: &[u8]) -> Option<Handle> {
    let (kind, bytes) = digits.split_at_checked(8)?;
    let mut handle = Handle {
        kind: 0,
        bytes: ArrayVec::new(),
    };
    for byte in kind.chunks(2) {
        handle.kind = (handle.kind << 8) | i32::from(hexadecimal(byte)?);
    }
    for byte in bytes.chunks(2) {
        handle.bytes.try_push(hexadecimal(byte)?).ok()?;
    }
    Some(handle)
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let well_formed = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = core::str::from_utf8(digits).ok().filter(|_| well_formed)?;
    u8::from_str_radix(digits, 16).ok()
}

fn written(value: &[u8]) -> Option<Written> {
    let mut parts = value.split(|&byte| byte == b' ');
    let (time, size) = (parts.next()?, parts.next()?);
    let dot = time.iter().position(|&byte| byte == b'.')?;
    let (seconds, fraction) = (time.get(..dot)?, time.get(dot.checked_add(1)?..)?);
    if parts.next().is_some() || fraction.len() != 9 {
        return None;
    }
    Some(Written {
        seconds: signed(seconds)?,
        nanoseconds: u32::try_from(decimal(fraction)?).ok()?,
        size: decimal(size)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Record<'static> {
        Record {
            pid: Pid::new(1234).unwrap(),
            start: ClockTicks(5_123_456),
            boot: BootId(*b"0b1c2d3e-0000-4000-8000-00000000000a"),
            pid_ns: PidNs(4_026_531_836),
            pidfd: 8123,
            handle: Some(Handle {
                kind: 0xfe,
                bytes: [1, 2, 3, 4, 5, 6, 7, 0xff].as_slice().try_into().unwrap(),
            }),
            machine: Some(MachineId(*b"4f0c4f0c4f0c4f0c4f0c4f0c4f0c4f0c")),
            exe: b"/usr/sbin/apache2",
            uid: 0,
            file: 1234,
            written: Written {
                seconds: 1_763_860_000,
                nanoseconds: 123_456_789,
                size: 5,
            },
            guard: Pid::new(1230).unwrap(),
        }
    }

    #[test]
    fn a_record_written_is_the_record_read() {
        let plain = example();
        assert_eq!(Record::parse(&plain.text().unwrap()), Ok(plain.clone()));
        let sparse = Record {
            handle: None,
            machine: None,
            written: Written {
                seconds: -5,
                nanoseconds: 1,
                size: 0,
            },
            ..plain
        };
        assert_eq!(Record::parse(&sparse.text().unwrap()), Ok(sparse.clone()));
    }

    /// Every value at both ends of its range.
    fn extremes() -> Vec<Record<'static>> {
        let (mut all, plain) = (vec![example()], example());
        for number in [0, 1, u64::MAX] {
            let start = ClockTicks(number);
            let pid_ns = PidNs(number);
            let of_start = [
                Record {
                    start,
                    ..plain.clone()
                },
                Record {
                    pid_ns,
                    ..plain.clone()
                },
                Record {
                    pidfd: number,
                    ..plain.clone()
                },
                Record {
                    file: number,
                    ..plain.clone()
                },
            ];
            all.extend(of_start);
        }
        for pid in [1, i32::MAX].map(|pid| Pid::new(pid).unwrap()) {
            all.extend([
                Record {
                    pid,
                    ..plain.clone()
                },
                Record {
                    guard: pid,
                    ..plain.clone()
                },
            ]);
        }
        for uid in [1, u32::MAX] {
            all.push(Record {
                uid,
                ..plain.clone()
            });
        }
        for seconds in [i64::MIN, -1, 0, i64::MAX] {
            for nanoseconds in [0, 999_999_999] {
                let size = u64::MAX;
                let written = Written {
                    seconds,
                    nanoseconds,
                    size,
                };
                all.push(Record {
                    written,
                    ..plain.clone()
                });
            }
        }
        for kind in [i32::MIN, -1, 0, i32::MAX] {
            for length in 0..=24 {
                let bytes = [0xf0_u8; 24][..length].try_into().unwrap();
                let handle = Some(Handle { kind, bytes });
                all.push(Record {
                    handle,
                    ..plain.clone()
                });
            }
        }
        let (handle, machine) = (None, None);
        all.push(Record {
            handle,
            ..plain.clone()
        });
        all.push(Record {
            machine,
            ..plain.clone()
        });
        for exe in [
            b"".as_slice(),
            b"-",
            b"end",
            b" pid 1 ",
            &[b'/'; 4096],
            b"\x80\xff",
        ] {
            all.push(Record {
                exe,
                ..plain.clone()
            });
        }
        all
    }

    #[test]
    fn whatever_is_recorded_is_read_as_it_was_written() {
        for record in extremes() {
            let text = record.text().unwrap();
            assert_eq!(Record::parse(&text), Ok(record.clone()), "{record:?}");
        }
    }

    #[test]
    fn a_changed_byte_makes_it_no_record_or_changes_one_value() {
        // All of them take Miri hours.
        let step = if cfg!(miri) { 51 } else { 1 };
        let (plain, text) = (example(), example().text().unwrap());
        for at in 0..text.len() {
            for byte in (0..=u8::MAX).step_by(step) {
                let mut changed = text.clone();
                changed[at] = byte;
                let Ok(record) = Record::parse(&changed) else {
                    continue;
                };
                let differing = [
                    record.pid != plain.pid,
                    record.start != plain.start,
                    record.boot != plain.boot,
                    record.pid_ns != plain.pid_ns,
                    record.pidfd != plain.pidfd,
                    record.handle != plain.handle,
                    record.machine != plain.machine,
                    record.exe != plain.exe,
                    record.uid != plain.uid,
                    record.file != plain.file,
                    record.written != plain.written,
                    record.guard != plain.guard,
                ];
                let count = differing.iter().filter(|&&it| it).count();
                assert!(count <= 1, "byte {byte} at {at}: {record:?}");
            }
        }
    }

    #[test]
    fn a_record_cut_anywhere_is_no_record() {
        let text = example().text().unwrap();
        for end in 0..text.len() {
            assert_eq!(Record::parse(&text[..end]), Err(NotARecord), "cut at {end}");
        }
    }

    #[test]
    fn a_key_twice_or_missing_or_a_number_too_large_is_no_record() {
        let text = String::from_utf8(example().text().unwrap().to_vec()).unwrap();
        for (from, to) in [
            ("pid 1234\n", "pid 1234\npid 1234\n"),
            ("pid 1234\n", ""),
            ("pid 1234\n", "pid 0\n"),
            ("uid 0\n", "uid 4294967296\n"),
            ("file 1234\n", "file 99999999999999999999\n"),
            ("pidward 1\n", "pidward 2\n"),
            ("handle 000000fe01", "handle 000000fe0+"),
            ("end\n", "end\nend \n"),
        ] {
            assert!(text.contains(from));
            assert_eq!(
                Record::parse(text.replacen(from, to, 1).as_bytes()),
                Err(NotARecord),
                "{from:?} -> {to:?}"
            );
        }
    }

    #[test]
    fn unknown_keys_are_ignored() {
        let text = String::from_utf8(example().text().unwrap().to_vec()).unwrap();
        let newer = text.replacen("uid 0\n", "uid 0\ncolour blue\n", 1);
        assert_eq!(Record::parse(newer.as_bytes()), Ok(example()));
    }

    #[test]
    fn a_program_name_cannot_add_a_line() {
        let forged = Record {
            exe: b"/x\npid 1\nend\n",
            ..example()
        };
        let text = forged.text().unwrap();
        assert_eq!(Record::parse(&text).unwrap().exe, b"/x?pid 1?end?");
    }
}
