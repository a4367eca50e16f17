//! The files as they are shipped.

use std::fs;
use std::path::PathBuf;

use pidward_tests::failure::{Checked, Doing};

use crate::bench::Bench;
use crate::load::PEERS;
use crate::report::{Section, count};

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new("Files", "Their sizes, stripped.", &["file", "bytes"]);
    let own = ["libpidward.so", "pidward-guard", "pidward"];
    let own = own.map(|name| (name.to_owned(), bench.shipped(name)));
    let limits = [
        ("limit: a guard in C", "guard"),
        ("limit: an empty library", "empty"),
    ];
    let limits = limits.map(|(name, file)| (name.to_owned(), bench.program(file)));
    let peers = [
        PEERS[0],
        ("dumb-init", "/usr/bin/dumb-init"),
        ("catatonit", "/usr/bin/catatonit"),
    ];
    let peers = peers.map(|(name, path)| (name.to_owned(), PathBuf::from(path)));
    for (name, path) in own.into_iter().chain(limits).chain(peers) {
        let size = fs::metadata(&path).doing(path.display())?.len();
        section.row(name, [count(size)]);
    }
    Ok(section)
}
