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
/// The daemon that does with signals what the dice say.
pub(crate) const DICE: &str = "dice";
/// What the names of the same daemons for another C library end in.
pub(crate) const OF_MUSL: &str = "-musl";

/// The steps of the daemon in a library, for its constructor, its destructor and as a plugin.
pub(crate) const NEIGHBOUR: &str = "neighbour.so";

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
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("promises");
    fs::create_dir_all(&directory).doing("make a directory for programs")?;
    for name in [LEGACY, DICE] {
        let sources = sources(name)?;
        compile("cc", &[], &sources, &directory.join(name))?;
        let of_musl = [name, OF_MUSL].concat();
        compile("musl-gcc", &[], &sources, &directory.join(of_musl))?;
    }
    let mut legacy = sources(LEGACY)?;
    compile("cc", &[], &[source("guard.c")], &directory.join(GUARD))?;
    let library = ["-shared", "-fPIC", "-fvisibility=hidden"];
    legacy.push(source("neighbour.c"));
    compile("cc", &library, &legacy, &directory.join(NEIGHBOUR))?;
    Ok(directory)
}

/// A program's source.
pub(crate) fn source(name: &str) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("promises/programs");
    sources.join(name)
}

/// The sources of a daemon.
pub(crate) fn sources(name: &str) -> Checked<Vec<PathBuf>> {
    let sources = fs::read_dir(source(name)).doing("list the sources")?;
    let sources = sources.flatten().map(|entry| entry.path());
    Ok(sources
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect())
}

/// Compiles a program in its own way: with these flags besides those of all.
pub(crate) fn compile(
    compiler: &str,
    flags: &[&str],
    sources: &[PathBuf],
    program: &Path,
) -> Checked {
    // Another run of the same tests may be at it too: whoever is done first or last, the program is always whole.
    let unfinished = program.with_extension(process::id().to_string());
    let mut command = Command::new(compiler);
    // In a scene there is no /tmp to write to.
    command
        .envs(program.parent().map(|directory| ("TMPDIR", directory)))
        .args(FLAGS)
        .arg("-o")
        .arg(&unfinished)
        .args(sources)
        .args(flags)
        .arg("-lm");
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
