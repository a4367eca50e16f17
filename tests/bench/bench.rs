//! The scratch directory of a benchmark, with the files under test and the limits: small C programs that do the job and
//! nothing else.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;

/// See the module. The directory goes with it.
pub(crate) struct Bench {
    directory: PathBuf,
    release: PathBuf,
}

/// The C programs, and what each is compiled with.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("empty", &["-shared", "-nostdlib"]),
    ("calls", &[]),
    ("status", &[]),
    ("sweep", &[]),
    ("guard", &["-static", "-nostdlib", "-fno-stack-protector"]),
];

impl Bench {
    /// Compiles them.
    pub(crate) fn new() -> Checked<Self> {
        let name = format!("pidward-bench-{}", std::process::id());
        let bench = Self {
            directory: env::temp_dir().join(name),
            release: release::directory()?.canonicalize().doing("the release")?,
        };
        fs::create_dir(&bench.directory).doing("make a directory")?;
        bench.fresh("bin")?;
        for (name, flags) in PROGRAMS {
            bench.compile(name, name, flags)?;
        }
        Ok(bench)
    }

    /// Compiles one of them under a name of its own; gives its path.
    pub(crate) fn compile(&self, source: &str, name: &str, flags: &[&str]) -> Checked<PathBuf> {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/programs");
        let to = self.program(name);
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-s", "-o"])
            .arg(&to)
            .arg(from.join(source).with_extension("c"))
            .args(flags);
        match cc.status().doing("cc")?.success() {
            true => Ok(to),
            false => Err(Failure::new("the test itself", format!("{source}.c"))),
        }
    }

    /// A compiled program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join("bin").join(name)
    }

    /// A file in the scratch directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// An empty directory in it.
    pub(crate) fn fresh(&self, name: &str) -> Checked<PathBuf> {
        let path = self.file(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).doing("make a directory")?;
        Ok(path)
    }

    /// One of the files under test.
    pub(crate) fn shipped(&self, name: &str) -> PathBuf {
        self.release.join(name)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
