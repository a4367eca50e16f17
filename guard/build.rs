//! Links the guard as what it is: one static file without a libc, at a fixed address, that the kernel can start.

use std::path::Path;
use std::{env, fs, io};

/// - no start files, no libraries: `start.rs` and `mem.rs` are all there is;
/// - no PIE: nobody would apply its relocations, and every page of them would become a private one;
/// - no exception tables ([`SCRIPT`]) and no read-only-after-relocation segment: nothing unwinds, nothing relocates.
const ARGUMENTS: [&str; 8] = [
    "-nostartfiles",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,-z,noexecstack",
    "-Wl,-z,norelro",
    "-Wl,--no-eh-frame-hdr",
    "-Wl,--build-id=none",
];

/// The tables that the precompiled core library brings along, a twelfth of the file, are left out, and the compiler's name;
/// and what waits (`rest.rs`) does not lie across two pages.
const SCRIPT: &str = "SECTIONS { .rest : ALIGN(128) { *(.text.rest) } /DISCARD/ : { *(.eh_frame) *(.comment) } } INSERT AFTER .text;";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in ARGUMENTS {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    // Pages always have 4 KiB there; elsewhere a segment has to stand apart for the largest that a kernel may use.
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,max-page-size=4096");
    }
    let script = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("sections.ld");
    fs::write(&script, SCRIPT)?;
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    Ok(())
}
