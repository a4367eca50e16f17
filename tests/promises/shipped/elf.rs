//! What an ELF file says of itself, elf(5).

use std::fs;
use std::path::Path;

use object::elf::{
    DF_TEXTREL, DT_FLAGS, DT_NEEDED, DT_TEXTREL, FileHeader64, PT_GNU_STACK, SHN_UNDEF, SHT_DYNSYM,
    SHT_SYMTAB,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Rela, SectionHeader, Sym};
use object::{Endianness, Result};
use pidward_tests::failure::{Checked, Doing};

type Header = FileHeader64<Endianness>;

/// What a file needs that needs nothing but the C library.
pub(super) const C_LIBRARY: [&str; 1] = ["libc.so.6"];

/// A file, read.
pub(super) struct Elf {
    /// Its size in bytes.
    pub(super) size: u64,
    /// The types of its segments, with their flags.
    pub(super) segments: Vec<(u32, u32)>,
    /// Whether it has a symbol table besides that of the dynamic linker.
    pub(super) has_symbols: bool,
    /// The libraries it needs.
    pub(super) needed: Vec<String>,
    /// The versions that it wants of them.
    pub(super) versions: Vec<String>,
    /// How many places in it are changed when it is loaded.
    pub(super) relocations: usize,
    /// Whether its code has to be changed when it is loaded.
    pub(super) has_text_relocations: bool,
    /// The symbols it wants from others.
    pub(super) undefined: Vec<String>,
    /// The symbols it has for others.
    pub(super) exported: Vec<String>,
    /// Symbols of its own that it looks up as if they were others'.
    pub(super) own_references: Vec<String>,
}

impl Elf {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Checked<Self> {
        let bytes = fs::read(path).doing(path.display())?;
        let mut elf = Self::parse(&bytes).doing(path.display())?;
        elf.undefined.sort();
        elf.exported.sort();
        elf.needed.sort();
        Ok(elf)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let header = Header::parse(bytes)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, bytes)?;
        let symbols = sections.symbols(endian, bytes, SHT_DYNSYM)?;
        let segments = header.program_headers(endian, bytes)?;
        let mut elf = Self {
            size: bytes.len() as u64,
            segments: segments
                .iter()
                .map(|segment| (segment.p_type(endian), segment.p_flags(endian)))
                .collect(),
            has_symbols: sections
                .iter()
                .any(|section| section.sh_type(endian) == SHT_SYMTAB),
            needed: Vec::new(),
            versions: Vec::new(),
            relocations: 0,
            has_text_relocations: false,
            undefined: Vec::new(),
            exported: Vec::new(),
            own_references: Vec::new(),
        };
        let name = |symbol: &<Header as FileHeader>::Sym| -> Result<String> {
            Ok(text(symbol.name(endian, symbols.strings())?))
        };
        for symbol in symbols.iter().skip(1) {
            let list = if symbol.st_shndx(endian) == SHN_UNDEF {
                &mut elf.undefined
            } else {
                &mut elf.exported
            };
            list.push(name(symbol)?);
        }
        if let Some((entries, _)) = sections.dynamic(endian, bytes)? {
            for entry in entries {
                match entry.tag32(endian) {
                    Some(DT_NEEDED) => elf
                        .needed
                        .push(text(entry.string(endian, symbols.strings())?)),
                    Some(DT_TEXTREL) => elf.has_text_relocations = true,
                    Some(DT_FLAGS) => {
                        elf.has_text_relocations |=
                            entry.val32(endian).unwrap_or(0) & DF_TEXTREL != 0;
                    }
                    _ => {}
                }
            }
        }
        if let Some((mut needs, link)) = sections.gnu_verneed(endian, bytes)? {
            let strings = sections.strings(endian, bytes, link)?;
            while let Some((_, mut versions)) = needs.next()? {
                while let Some(version) = versions.next()? {
                    elf.versions.push(text(version.name(endian, strings)?));
                }
            }
        }
        for section in sections.iter() {
            for relocation in section
                .rela(endian, bytes)?
                .map(|(relocations, _)| relocations)
                .unwrap_or_default()
            {
                elf.relocations += 1;
                let Some(index) = relocation.symbol(endian, false) else {
                    continue;
                };
                let symbol = symbols.symbol(index)?;
                if symbol.st_shndx(endian) != SHN_UNDEF {
                    elf.own_references.push(name(symbol)?);
                }
            }
        }
        Ok(elf)
    }

    /// Whether it has a segment of this type.
    pub(super) fn has_segment(&self, wanted: u32) -> bool {
        self.segments.iter().any(|(kind, _)| *kind == wanted)
    }

    /// The flags of its stack; none when it does not say, which means an executable one.
    pub(super) fn stack(&self) -> Option<u32> {
        self.segments
            .iter()
            .find(|(kind, _)| *kind == PT_GNU_STACK)
            .map(|(_, flags)| *flags)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
