//! The library with a place of its own in every program, which prelink(8) gives to all that are installed.

use std::fs;

use object::elf::{
    DT_FINI_ARRAY, DT_GNU_HASH, DT_HASH, DT_INIT_ARRAY, DT_RELA, DT_STRTAB, DT_SYMTAB, DT_VERNEED,
    DT_VERSYM, Dyn64, FileHeader64, ProgramHeader64, R_AARCH64_RELATIVE, R_RISCV_RELATIVE,
    R_X86_64_RELATIVE, Rela64, SHN_UNDEF, SHT_DYNAMIC, SHT_DYNSYM, SHT_RELA, Sym64,
};
use object::pod::{Pod, slice_from_all_bytes_mut};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, U64};
use pidward_tests::failure::{Checked, Doing, Failure};

use crate::promise::Promise;

type Order = Endianness;

/// Where nothing else lies.
const PLACE: u64 = 0x2000_0000;

/// Entries of the dynamic section that are addresses.
const ADDRESSES: [u32; 9] = [
    DT_FINI_ARRAY,
    DT_GNU_HASH,
    DT_HASH,
    DT_INIT_ARRAY,
    DT_RELA,
    DT_STRTAB,
    DT_SYMTAB,
    DT_VERNEED,
    DT_VERSYM,
];

/// Relocations that are a place in the library itself.
const RELATIVE: u32 = if cfg!(target_arch = "aarch64") {
    R_AARCH64_RELATIVE
} else if cfg!(target_arch = "riscv64") {
    R_RISCV_RELATIVE
} else {
    R_X86_64_RELATIVE
};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    const ENDS: &[&str] = &["die return", "die _exit", "raise 15"];
    Promise::each(
        "a_prelinked_library_finds_what_is_behind_it",
        ENDS,
        |scene, end| {
            let bytes = fs::read(&scene.library).doing("read the library")?;
            fs::write(&scene.library, prelinked(bytes)?).doing("prelink the library")?;
            let steps = format!("make open x.pid make rename y.pid borrow 15 query 15 {end}");
            scene.lives(&steps)?.removed(&["x.pid", "y.pid"])
        },
    )
}

/// The library, linked to lie there.
fn prelinked(mut bytes: Vec<u8>) -> Checked<Vec<u8>> {
    let header = *FileHeader64::<Order>::parse(&*bytes).doing("read the header")?;
    let order = header.endian().doing("read the byte order")?;
    let sections = header
        .section_headers(order, &*bytes)
        .doing("read the sections")?
        .to_vec();
    let segments = (
        header.e_phoff(order),
        u64::from(header.e_phnum(order)) * size_of::<ProgramHeader64<Order>>() as u64,
    );
    let moved = |address: &mut U64<Order>| address.set(order, address.get(order) + PLACE);
    each::<ProgramHeader64<Order>>(&mut bytes, segments, |segment| moved(&mut segment.p_vaddr))?;
    for section in sections {
        let place = (section.sh_offset(order), section.sh_size(order));
        match section.sh_type(order) {
            SHT_DYNAMIC => each::<Dyn64<Order>>(&mut bytes, place, |entry| {
                if ADDRESSES
                    .iter()
                    .any(|&tag| entry.d_tag.get(order) == u64::from(tag))
                {
                    moved(&mut entry.d_val);
                }
            })?,
            SHT_DYNSYM => each::<Sym64<Order>>(&mut bytes, place, |symbol| {
                if symbol.st_shndx.get(order) != SHN_UNDEF {
                    moved(&mut symbol.st_value);
                }
            })?,
            SHT_RELA => each::<Rela64<Order>>(&mut bytes, place, |relocation| {
                moved(&mut relocation.r_offset);
                if relocation.r_type(order, false) == RELATIVE {
                    let addend = relocation.r_addend.get(order) + PLACE.cast_signed();
                    relocation.r_addend.set(order, addend);
                }
            })?,
            _ => {}
        }
    }
    Ok(bytes)
}

/// Does it with each of a table's elements.
fn each<T: Pod>(
    bytes: &mut [u8],
    (offset, size): (u64, u64),
    mut change: impl FnMut(&mut T),
) -> Checked {
    let begin = usize::try_from(offset).doing("an offset")?;
    let end = usize::try_from(offset + size).doing("an end")?;
    let table = bytes.get_mut(begin..end).map(slice_from_all_bytes_mut::<T>);
    let Some(Ok(table)) = table else {
        return Err(Failure::new("the test itself", "no such table"));
    };
    table.iter_mut().for_each(&mut change);
    Ok(())
}
