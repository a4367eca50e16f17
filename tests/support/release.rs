//! The three files under test, as they are shipped.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Checked, Failure};

/// The command, the guard and the library: `cargo build --release` puts them into one directory.
pub const FILES: [&str; 3] = ["pidward", "pidward-guard", "libpidward.so"];

/// The directory that holds them: `$PIDWARD_RELEASE_DIR`, else the workspace's `target/release`.
///
/// # Errors
/// When one of the files is missing: nothing may pass because there was nothing to test.
pub fn directory() -> Checked<PathBuf> {
    let directory =
        env::var_os("PIDWARD_RELEASE_DIR").map_or_else(default_directory, PathBuf::from);
    for file in FILES {
        let path = directory.join(file);
        if !path.is_file() {
            let message = format!(
                "{} is missing; \"cargo build --release\" makes it",
                path.display()
            );
            return Err(Failure::new("not built", message));
        }
    }
    Ok(directory)
}

fn default_directory() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    target.join("release")
}

/// Copies them to `to`, so that a build meanwhile cannot change them under a running test.
///
/// # Errors
/// When one cannot be copied.
pub fn copy(from: &Path, to: &Path) -> Checked {
    for file in FILES {
        let copied = fs::copy(from.join(file), to.join(file));
        copied.map_err(|error| Failure::new("not built", format!("{file}: {error}")))?;
    }
    Ok(())
}
