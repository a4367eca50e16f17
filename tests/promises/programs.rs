//! The programs that stand in for daemons and for the guard, compiled by the test run, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;

use pidward_tests::failure::{Checked, Doing, Failure};

/// The daemon that is told what to do.
pub(crate) const LEGACY: &str = "legacy";
/// What is started instead of the guard, and writes down how.
pub(crate) const GUARD: &str = "guard";
/// The same daemon, for another C library.
pub(crate) const LEGACY_OF_MUSL: &str = "legacy-musl";

/// As programs of distributions are built: optimized, and with the checks of the C library.
const FLAGS: [&str; 11] = [
    "-O2",
    "-D_FORTIFY_SOURCE=2",
    "-fstack-protector-strong",
    "-Wall",
    "-Wno-deprecated-declarations",
    "-Wno-infinite-recursion",
    "-pthread",
    // The kernel's own headers, which musl-gcc does not look for: after all others.
    "-idirafter",
    "/usr/include",
    "-idirafter",
    KERNELS,
];

/// Where Debian has those of an architecture.
const KERNELS: &str = if cfg!(target_arch = "aarch64") {
    "/usr/include/aarch64-linux-gnu"
} else {
    "/usr/include/x86_64-linux-gnu"
};

/// Where they are, compiled.
pub(crate) fn directory() -> Checked<PathBuf> {
    static DIRECTORY: OnceLock<Checked<PathBuf>> = OnceLock::new();
    DIRECTORY.get_or_init(compile_all).clone()
}

fn compile_all() -> Checked<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("promises/programs");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("promises");
    fs::create_dir_all(&directory).doing("make a directory for programs")?;
    let legacy = fs::read_dir(sources.join(LEGACY)).doing("list the sources")?;
    let legacy = legacy.flatten().map(|entry| entry.path());
    let legacy: Vec<PathBuf> = legacy
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    compile("cc", &legacy, &directory.join(LEGACY))?;
    compile("musl-gcc", &legacy, &directory.join(LEGACY_OF_MUSL))?;
    compile("cc", &[sources.join("guard.c")], &directory.join(GUARD))?;
    Ok(directory)
}

fn compile(compiler: &str, sources: &[PathBuf], program: &Path) -> Checked {
    // Another run of the same tests may be at it too: whoever is done first or last, the program is always whole.
    let unfinished = program.with_extension(process::id().to_string());
    let mut command = Command::new(compiler);
    command.args(FLAGS).arg("-o").arg(&unfinished).args(sources);
    let output = command.output().doing(compiler)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(
            "the test itself",
            format!("{compiler}: {message}"),
        ));
    }
    fs::rename(&unfinished, program).doing("put a program in its place")
}
