//! A directory of a test's own, which goes with it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use pidward_tests::failure::{Checked, Doing};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Checked<Self> {
        let name = format!("pidward-packaging-{name}-{}", std::process::id());
        let path = env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).doing("make a directory")?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
