//! What an ELF file says of itself, elf(5): for which machine, with which loader, which libraries. Of any file, whatever is
//! in it, in little memory.

use std::io;
use std::path::Path;

use object::elf::{DT_NEEDED, DT_NULL, DT_STRSZ, DT_STRTAB, ET_DYN, ET_EXEC, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};
use object::{FileKind, NativeEndian};

use crate::regular;

/// The head of a program of this machine.
#[cfg(target_pointer_width = "64")]
type Header = object::elf::FileHeader64<NativeEndian>;
#[cfg(target_pointer_width = "32")]
type Header = object::elf::FileHeader32<NativeEndian>;

/// What is larger than this belongs to no program: neither its table of segments nor its names.
const MOST: u64 = 4 << 20;

/// An ELF file for the word size and byte order of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Elf {
    /// What it is made for.
    pub(crate) machine: Machine,
    /// It can be executed, and what is mapped of it then is all there.
    pub(crate) can_start: bool,
    /// The dynamic linker that it asks for; a static program asks for none.
    pub(crate) loader: Option<Vec<u8>>,
    /// The libraries that it asks for.
    pub(crate) needed: Vec<Vec<u8>>,
}

/// `e_machine`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Machine(u16);

/// Which C library a program has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Libc {
    Glibc,
    Musl,
    /// None, or one of which nothing is known.
    Other,
}

/// Why there is nothing to be known.
#[derive(Debug)]
pub(crate) enum NoElf {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It has another word size or byte order.
    OtherMachine,
    /// It is something else.
    Other,
}

impl From<io::Error> for NoElf {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Elf {
    /// Of the file with this path.
    ///
    /// # Errors
    /// [`NoElf`].
    pub(crate) fn of(path: &Path) -> Result<Self, NoElf> {
        let file = regular::open(path)?;
        Self::parse(&ReadCache::new(file))
    }

    fn parse<'d>(data: impl ReadRef<'d>) -> Result<Self, NoElf> {
        match FileKind::parse(data) {
            Ok(FileKind::Elf32 | FileKind::Elf64) => {}
            _ => return Err(NoElf::Other),
        }
        Self::with::<Header>(data)
    }

    fn with<'d, H: FileHeader<Endian = NativeEndian>>(
        data: impl ReadRef<'d>,
    ) -> Result<Self, NoElf> {
        // It refuses what is not for this machine.
        let header = H::parse(data).map_err(|_| NoElf::OtherMachine)?;
        let segments = header.program_headers(NativeEndian, data);
        let segments = segments.map_err(|_| NoElf::Other)?;
        let length = data.len().unwrap_or_default();
        let is_there = |it: &H::ProgramHeader| {
            let (begin, length_of_it) = it.file_range(NativeEndian);
            let end = begin.checked_add(length_of_it);
            it.p_type(NativeEndian) != PT_LOAD || end.is_some_and(|end| end <= length)
        };
        let is_program = matches!(header.e_type(NativeEndian), ET_EXEC | ET_DYN);
        let mut elf = Self {
            can_start: is_program && !segments.is_empty() && segments.iter().all(is_there),
            machine: Machine(header.e_machine(NativeEndian)),
            loader: None,
            needed: Vec::new(),
        };
        for segment in segments {
            if segment.p_filesz(NativeEndian).into() > MOST {
                continue;
            }
            if let Ok(Some(path)) = segment.interpreter(NativeEndian, data) {
                elf.loader = Some(path.to_vec());
            }
            if let Ok(Some(entries)) = segment.dynamic(NativeEndian, data) {
                elf.needed = needed::<H>(data, segments, entries).unwrap_or_default();
            }
        }
        Ok(elf)
    }

    /// Its C library, by the names of loader and libraries.
    pub(crate) fn libc(&self) -> Libc {
        let has = |name: &[u8]| self.needed.iter().any(|it| it.starts_with(name));
        let loader = self.loader.as_deref().unwrap_or_default();
        let loads = |name: &[u8]| loader.windows(name.len()).any(|part| part == name);
        if loads(b"/ld-musl-") || has(b"libc.musl-") {
            Libc::Musl
        } else if loads(b"/ld-linux") || loads(b"/ld64.so") || has(b"libc.so.6") {
            Libc::Glibc
        } else {
            Libc::Other
        }
    }
}

/// The names in the dynamic section.
fn needed<'d, H: FileHeader<Endian = NativeEndian>>(
    data: impl ReadRef<'d>,
    segments: &[H::ProgramHeader],
    entries: &[H::Dyn],
) -> Option<Vec<Vec<u8>>> {
    let endian = NativeEndian;
    let entries = || {
        let all = entries
            .iter()
            .map(|it| (it.d_tag(endian).into(), it.d_val(endian).into()));
        all.take_while(|&(tag, _)| tag != u64::from(DT_NULL))
    };
    let value =
        |wanted: u32| entries().find_map(|(tag, it)| (tag == u64::from(wanted)).then_some(it));
    let size = value(DT_STRSZ).filter(|&size| size <= MOST)?;
    let address = value(DT_STRTAB)?;
    let mut names = segments
        .iter()
        .filter_map(|it| it.data_range(endian, data, address, size).ok()?);
    let names = names.next()?;
    let at = |offset| {
        let name = names.get(usize::try_from(offset).ok()?..)?;
        Some(name.split(|&byte| byte == 0).next()?.to_vec())
    };
    let wanted = entries().filter(|&(tag, _)| tag == u64::from(DT_NEEDED));
    Some(wanted.filter_map(|(_, offset)| at(offset)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_its_loader_and_its_libraries() {
        let own = Elf::of(Path::new("/proc/self/exe")).unwrap();
        assert!(own.loader.as_ref().unwrap().starts_with(b"/lib"), "{own:?}");
        assert!(own.can_start);
        assert!(own.needed.contains(&b"libc.so.6".to_vec()), "{own:?}");
        assert_eq!(own.libc(), Libc::Glibc);
    }

    #[test]
    fn no_bytes_panic() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let half = Elf::parse(&own[..own.len() / 8]);
        assert!(half.is_ok_and(|it| !it.can_start));
        for end in (0..4096).chain([own.len() / 2]) {
            let _ = Elf::parse(&own[..end]);
        }
        // Every byte of the headers, one after the other, as large and as odd as can be.
        let mut bytes = own[..own.len().min(1 << 20)].to_vec();
        for at in 0..2048 {
            for value in [0, 0x7f, 0xff] {
                let before = std::mem::replace(&mut bytes[at], value);
                let _ = Elf::parse(&bytes[..]);
                bytes[at] = before;
            }
        }
        for bits in [1, 2] {
            let _ = Elf::parse(&[b"\x7fELF", &[bits; 300][..]].concat()[..]);
            let _ = Elf::parse(&[b"\x7fELF", &[bits, 1, 1][..], &[0xff; 300]].concat()[..]);
        }
        assert!(matches!(Elf::parse(&b"#!/bin/sh\n"[..]), Err(NoElf::Other)));
    }
}
