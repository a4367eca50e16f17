//! Looks a symbol up in the objects that the dynamic linker has loaded behind this one: what dlsym(3) does with `RTLD_NEXT`, but
//! without memory that would have to be allocated, and without libdl, where glibc had it before 2.34.
//!
//! Reads what elf(5) and the System V ABI say of symbol tables, in both of the hashes that there are (`DT_GNU_HASH`, `DT_HASH`).
#![expect(
    unsafe_code,
    reason = "tables of mapped ELF files, and functions that resolve symbols"
)]

use core::ffi::{c_char, c_int, c_void};
use core::mem::transmute;
use core::ptr::{self, null};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use libc::dl_phdr_info;

#[cfg(target_pointer_width = "32")]
use libc::{Elf32_Phdr as Header, Elf32_Sym as Symbol};
#[cfg(target_pointer_width = "64")]
use libc::{Elf64_Phdr as Header, Elf64_Sym as Symbol};

/// An entry of the dynamic section.
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    tag: usize,
    value: usize,
}

const DT_NULL: usize = 0;
const DT_HASH: usize = 4;
const DT_STRTAB: usize = 5;
const DT_SYMTAB: usize = 6;
const DT_SONAME: usize = 14;
const DT_GNU_HASH: usize = 0x6fff_fef5;
const DT_VERSYM: usize = 0x6fff_fff0;

const SHN_UNDEF: u16 = 0;
const STB_LOCAL: u8 = 0;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;

/// A version that only those get who ask for it.
const HIDDEN: u16 = 0x8000;

unsafe extern "C" {
    /// The dynamic section of this library; the linker defines it. Not its base, which is no address in it once prelink(8) has
    /// given it a place.
    static _DYNAMIC: Entry;
}

/// Where an object lies that was loaded before our constructor ran. It is never unloaded, unless another library's constructor
/// has loaded it: then it comes behind the C library, where nobody looks for anything.
struct Loaded {
    base: AtomicUsize,
    dynamic: AtomicPtr<Entry>,
}

/// As many as are remembered. In a program with more, all functions are looked up when the library is loaded, behind the dynamic
/// linker's lock.
const MOST: usize = 256;

static LOADED: [Loaded; MOST] = [const {
    Loaded {
        base: AtomicUsize::new(0),
        dynamic: AtomicPtr::new(ptr::null_mut()),
    }
}; MOST];

/// How many of them are remembered.
static REMEMBERED: AtomicUsize = AtomicUsize::new(0);

/// Remembers the objects behind this one. The dynamic linker's lock on its list is taken here, and later no more: in a child
/// of a process with threads it may be held for ever, by a thread that the child does not have. False if they are too many.
pub(crate) fn remember() -> bool {
    let mut rooms = LOADED.iter();
    let mut count = 0_usize;
    walk(&mut |base, dynamic| {
        count = match rooms.next() {
            Some(room) => {
                room.base.store(base, Ordering::Relaxed);
                room.dynamic.store(dynamic.cast_mut(), Ordering::Relaxed);
                count.wrapping_add(1)
            }
            None => 0,
        };
        count == 0
    });
    REMEMBERED.store(count, Ordering::Release);
    count != 0
}

/// Hands the objects behind this one to the function, in the order in which they are searched, until it has enough; glibc is
/// the last. musl unloads none.
pub(crate) fn behind(then: &mut dyn FnMut(&Object) -> bool) {
    let mut then = |base, dynamic| {
        // SAFETY: the dynamic section of an object that is loaded.
        unsafe { Object::of(base, dynamic) }
            .is_some_and(|object| then(&object) || object.is_glibc())
    };
    let count = REMEMBERED.load(Ordering::Acquire);
    if count == 0 {
        return walk(&mut then);
    }
    let _ = LOADED.iter().take(count).any(|it| {
        then(
            it.base.load(Ordering::Relaxed),
            it.dynamic.load(Ordering::Relaxed),
        )
    });
}

/// What is done with an object's base and dynamic section; `true` is enough.
type Then<'a> = &'a mut dyn FnMut(usize, *const Entry) -> bool;

/// Who is looked for, and what is done with them.
struct Search<'a> {
    /// This library was passed.
    is_behind: bool,
    then: Then<'a>,
}

fn walk(then: Then<'_>) {
    let mut search = Search {
        is_behind: false,
        then,
    };
    // SAFETY: the function takes what it is given here, and keeps nothing of it.
    unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut search).cast()) };
}

unsafe extern "C" fn each(info: *mut dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: `walk` has passed it, and nobody else has it meanwhile.
    let search = unsafe { &mut *search.cast::<Search<'_>>() };
    // SAFETY: dl_iterate_phdr(3) passes an object that stays loaded during the call.
    let info = unsafe { &*info };
    let Some(dynamic) = dynamic(info) else {
        return 0;
    };
    if !search.is_behind {
        search.is_behind = ptr::eq(dynamic, &raw const _DYNAMIC);
        return 0;
    }
    c_int::from((search.then)(word(info.dlpi_addr), dynamic))
}

/// As long as the longest name that we look up, `__cxa_at_quick_exit`, with its NUL.
const NAME_SIZE: usize = 20;

/// A function's name, and its hash for `DT_GNU_HASH`.
pub(crate) struct Name {
    /// Zeros follow it.
    text: [u8; NAME_SIZE],
    hash: u32,
}

impl Name {
    /// # Panics
    /// When the name is too long, which the compiler tells, because all are constants.
    #[expect(
        clippy::indexing_slicing,
        reason = "no iterator goes through a constant"
    )]
    pub(crate) const fn new(name: &str) -> Self {
        let name = name.as_bytes();
        assert!(name.len() < NAME_SIZE);
        let (mut text, mut hash, mut at) = ([0; NAME_SIZE], 5381_u32, 0);
        while at < name.len() {
            text[at] = name[at];
            hash = hash.wrapping_mul(33).wrapping_add(name[at] as u32);
            at += 1;
        }
        Self { text, hash }
    }

    /// Its letters.
    fn letters(&self) -> impl Iterator<Item = u8> {
        self.text.iter().copied().take_while(|&letter| letter != 0)
    }

    /// # Safety
    /// The other is a C string.
    unsafe fn is(&self, other: *const c_char) -> bool {
        for (at, &letter) in self.text.iter().enumerate() {
            // SAFETY: it has not ended, because the letters before were those of the name.
            if unsafe { read(other.cast::<u8>(), at) } != letter {
                return false;
            }
            if letter == 0 {
                break;
            }
        }
        true
    }
}

/// Where the object's dynamic section is.
fn dynamic(info: &dl_phdr_info) -> Option<*const Entry> {
    const PT_DYNAMIC: u32 = 2;
    let count = usize::from(info.dlpi_phnum);
    let headers: *const Header = info.dlpi_phdr;
    (0..count).find_map(|at| {
        // SAFETY: one of the object's program headers.
        let header = unsafe { read(headers, at) };
        let address = word(info.dlpi_addr).wrapping_add(word(header.p_vaddr));
        (header.p_type == PT_DYNAMIC).then_some(ptr::with_exposed_provenance(address))
    })
}

/// A loaded object's tables.
pub(crate) struct Object {
    base: usize,
    symbols: *const Symbol,
    names: *const c_char,
    /// Where in the names its own is; 0, where an empty one is, when it has none.
    own_name: usize,
    /// None in an object without versions.
    versions: *const u16,
    hash: Hash,
}

enum Hash {
    Gnu(*const u32),
    SystemV(*const u32),
}

impl Object {
    /// # Safety
    /// It is the dynamic section of a loaded object.
    unsafe fn of(base: usize, dynamic: *const Entry) -> Option<Self> {
        let (mut symbols, mut names, mut versions) = (0, 0, 0);
        let (mut gnu, mut system_v) = (0, 0);
        let mut own_name = 0;
        for at in 0.. {
            // SAFETY: `DT_NULL` ends the section.
            let entry = unsafe { read(dynamic, at) };
            let place = match entry.tag {
                DT_NULL => break,
                DT_SYMTAB => &mut symbols,
                DT_STRTAB => &mut names,
                DT_VERSYM => &mut versions,
                DT_GNU_HASH => &mut gnu,
                DT_HASH => &mut system_v,
                DT_SONAME => {
                    own_name = entry.value;
                    continue;
                }
                _ => &mut 0,
            };
            // glibc has put addresses there, where the section may be written; musl leaves the offsets.
            *place = match entry.value {
                offset if offset < base => base.wrapping_add(offset),
                address => address,
            };
        }
        let hash = match (gnu, system_v) {
            (0, 0) => return None,
            (0, address) => Hash::SystemV(ptr::with_exposed_provenance(address)),
            (address, _) => Hash::Gnu(ptr::with_exposed_provenance(address)),
        };
        Some(Self {
            base,
            symbols: ptr::with_exposed_provenance(symbols),
            names: ptr::with_exposed_provenance(names),
            own_name,
            versions: match versions {
                0 => null(),
                address => ptr::with_exposed_provenance(address),
            },
            hash,
        })
    }

    fn is_glibc(&self) -> bool {
        const GLIBC: Name = Name::new("libc.so.6");
        // SAFETY: its name is in the table of names.
        let its = unsafe { self.names.add(self.own_name) };
        // SAFETY: they are C strings.
        unsafe { GLIBC.is(its) }
    }

    /// The function of this name that the object defines for all; null when it does not.
    pub(crate) fn find(&self, name: &Name) -> *mut c_void {
        let index = match self.hash {
            Hash::Gnu(table) => self.find_by_gnu_hash(table, name),
            Hash::SystemV(table) => self.find_by_hash(table, name),
        };
        let Some(index) = index else {
            return ptr::null_mut();
        };
        // SAFETY: it was found in the table.
        let symbol = unsafe { read(self.symbols, index) };
        let address = self.base.wrapping_add(word(symbol.st_value));
        let address = ptr::with_exposed_provenance_mut::<c_void>(address);
        if symbol.st_info & 0xf == STT_GNU_IFUNC {
            // SAFETY: such a symbol is a function that gives the function's address, and needs no arguments
            // where those of the C library need none.
            let resolve: extern "C" fn() -> *mut c_void = unsafe { transmute(address) };
            return resolve();
        }
        address
    }

    /// `DT_GNU_HASH`: a filter of Bloom, then chains that end where the lowest bit is set.
    fn find_by_gnu_hash(&self, table: *const u32, name: &Name) -> Option<usize> {
        let hash = name.hash;
        // SAFETY: the table begins with four numbers; the filter, the buckets and the chains come behind them.
        let [buckets, first, words, shift] = unsafe { read(table.cast::<[u32; 4]>(), 0) };
        if buckets == 0 || words == 0 {
            return None;
        }
        const BITS: u32 = usize::BITS;
        // SAFETY: as above.
        let filter = unsafe { table.add(4) }.cast::<usize>();
        // SAFETY: the remainder is within the filter.
        let bits = unsafe { read(filter, word((hash / BITS) % words)) };
        let has = |hash: u32| bits >> (hash % BITS) & 1 != 0;
        if !has(hash) || !has(hash >> shift) {
            return None;
        }
        // SAFETY: the buckets come behind the filter.
        let of_bucket = unsafe { filter.add(word(words)) }.cast::<u32>();
        // SAFETY: and the chains behind those.
        let chains = unsafe { of_bucket.add(word(buckets)) };
        // SAFETY: the remainder is within the buckets.
        let mut index = unsafe { read(of_bucket, word(hash % buckets)) };
        if index < first {
            return None;
        }
        loop {
            // SAFETY: the chain ends with an odd number.
            let link = unsafe { read(chains, word(index.wrapping_sub(first))) };
            if link | 1 == hash | 1 && self.defines(word(index), name) {
                return Some(word(index));
            }
            if link & 1 != 0 {
                return None;
            }
            index = index.wrapping_add(1);
        }
    }

    /// `DT_HASH`: chains that end with 0.
    fn find_by_hash(&self, table: *const u32, name: &Name) -> Option<usize> {
        let hash = name.letters().fold(0_u32, |hash, letter| {
            let hash = (hash << 4).wrapping_add(letter.into());
            let high = hash & 0xf000_0000;
            (hash ^ (high >> 24)) & !high
        });
        // SAFETY: the table begins with the numbers of buckets and of symbols, the buckets and the chains come behind.
        let [buckets, _] = unsafe { read(table.cast::<[u32; 2]>(), 0) };
        if buckets == 0 {
            return None;
        }
        // SAFETY: as above, and the remainder is within the buckets.
        let mut index = unsafe { read(table, word(2 + hash % buckets)) };
        while index != 0 {
            if self.defines(word(index), name) {
                return Some(word(index));
            }
            // SAFETY: each symbol has a link.
            index = unsafe { read(table, word(2 + buckets + index)) };
        }
        None
    }

    /// Whether the symbol is this function, defined, and in the version that is meant by its name alone.
    fn defines(&self, index: usize, name: &Name) -> bool {
        // SAFETY: the hash leads to symbols of the table.
        let symbol = unsafe { read(self.symbols, index) };
        let is_function = matches!(symbol.st_info & 0xf, STT_FUNC | STT_GNU_IFUNC);
        if symbol.st_shndx == SHN_UNDEF || symbol.st_info >> 4 == STB_LOCAL || !is_function {
            return false;
        }
        // SAFETY: as many versions as symbols, where there are any.
        if !self.versions.is_null() && unsafe { read(self.versions, index) } & HIDDEN != 0 {
            return false;
        }
        // SAFETY: a symbol's name is in the table of names.
        let its = unsafe { self.names.add(word(symbol.st_name)) };
        // SAFETY: they are C strings.
        unsafe { name.is(its) }
    }
}

/// # Safety
/// The table has so many elements, and one more.
unsafe fn read<T: Copy>(table: *const T, index: usize) -> T {
    // SAFETY: it is within the table.
    let place = unsafe { table.add(index) };
    // SAFETY: likewise.
    unsafe { place.read() }
}

/// A number of an ELF file, in a program of whose word size it is.
fn word(value: impl TryInto<usize>) -> usize {
    value.try_into().unwrap_or_default()
}
