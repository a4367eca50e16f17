//! What it costs to load the library into a program, and what a program pays in which it works.

use std::path::{Path, PathBuf};

use pidward_tests::failure::Checked;

use crate::bench::Bench;
use crate::count::Run;
use crate::plot::Plot;
use crate::report::{Section, count, ratio};

/// Where Debian has the peers.
pub(crate) const PEERS: [(&str, &str); 2] = [
    ("libeatmydata", "/usr/lib/x86_64-linux-gnu/libeatmydata.so"),
    (
        "libfaketime",
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    ),
];

/// The libraries that are compared: ours first.
pub(crate) fn libraries(bench: &Bench) -> Vec<(String, PathBuf)> {
    let peers = PEERS.map(|(name, path)| (name.to_owned(), PathBuf::from(path)));
    [
        ("pidward".to_owned(), bench.shipped("libpidward.so")),
        ("limit: an empty library".to_owned(), bench.program("empty")),
    ]
    .into_iter()
    .chain(peers)
    .collect()
}

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "A library is loaded",
        "Into /bin/true, by LD_PRELOAD: what is added to its instructions in user space and to its system calls. Then, into a \
         program that makes a pidfile: what is added to that when the library has put its stand-ins in place; guard off.",
        &["library", "instructions", "ratio", "system calls"],
    );
    let directory = bench.fresh("load")?;
    let plain = Run::new(&directory, "/bin/true");
    let (instructions, calls) = (plain.instructions()?, plain.system_calls()?);
    let mut bars = Vec::new();
    let mut own = None;
    for (name, library) in libraries(bench) {
        let with = plain.clone().preload(Some(&library));
        let added = with.instructions()?.saturating_sub(instructions);
        let more = with.system_calls()?.saturating_sub(calls);
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let number = added as f64;
        let own = *own.get_or_insert(number);
        section.row(&name, [count(added), ratio(number, own), count(more)]);
        bars.push((name, number / 1000.0));
    }
    let (added, more) = awake(bench, &directory)?;
    section.row(
        "pidward, stand-ins in place",
        [count(added), String::new(), count(more)],
    );
    section.plot = Some(Plot {
        name: "load",
        title: "Instructions that a preloaded library adds to a program's start",
        unit: "thousand",
        bars,
    });
    Ok(section)
}

/// What is added in a program that makes a pidfile, to what is added in one that makes none.
fn awake(bench: &Bench, directory: &Path) -> Checked<(u64, u64)> {
    let library = bench.shipped("libpidward.so");
    let of = |preload: Option<&Path>, more: &[&str]| -> Checked<(u64, u64)> {
        let run = Run::new(directory, bench.program("calls"))
            .args(["none", "0"])
            .args(more)
            .preload(preload)
            .env("PIDWARD_GUARD", "off");
        Ok((run.instructions()?, run.system_calls()?))
    };
    let (asleep, awake) = (of(Some(&library), &[])?, of(Some(&library), &["aware"])?);
    let (bare, made) = (of(None, &[])?, of(None, &["aware"])?);
    let added = |all: u64, asleep: u64, made: u64, bare: u64| {
        (all - asleep).saturating_sub(made.saturating_sub(bare))
    };
    Ok((
        added(awake.0, asleep.0, made.0, bare.0),
        added(awake.1, asleep.1, made.1, bare.1),
    ))
}
