//! What daemons and kernels write, and what the fuzzers have found, keeps the promises of its parser.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pidward_checks::{CHECKS, Check};

fn fuzz(directory: &str) -> PathBuf {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    fuzz.expect("fuzz/").join(directory)
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut paths: Vec<_> = entries.map(|it| it.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", directory.display());
    paths
}

/// What asks the kernel for more than Miri has of one: memfd_create(2), openat(2).
const NOT_WITH_MIRI: [&str; 2] = ["lines", "pidfile"];

fn replay(name: &str, check: Check, directory: &Path) {
    if cfg!(miri) && NOT_WITH_MIRI.contains(&name) {
        println!("{name}: not with Miri");
        return;
    }
    for path in entries(directory) {
        println!("{name}: {}", path.display());
        let data = fs::read(&path).expect("a file");
        // A long one takes Miri minutes.
        if !cfg!(miri) || data.len() < 512 {
            check(&data);
        }
    }
}

#[test]
fn every_parser_keeps_its_promises_on_what_is_known() {
    for (name, check) in CHECKS {
        replay(name, check, &fuzz("seeds").join(name));
    }
    for path in entries(&fuzz("found")) {
        let check = |&(name, _): &(&str, Check)| path.file_name() == Some(name.as_ref());
        let (name, check) = CHECKS.into_iter().find(check).expect("a check");
        replay(name, check, &path);
    }
}

#[test]
fn every_fuzzer_has_its_check() {
    let checks: BTreeSet<_> = CHECKS.map(|(name, _)| name.to_owned()).into();
    for directory in ["targets", "seeds"] {
        let name = |path: &PathBuf| path.file_stem()?.to_str().map(str::to_owned);
        let names: BTreeSet<_> = entries(&fuzz(directory)).iter().filter_map(name).collect();
        assert_eq!(names, checks, "{directory}");
    }
}
