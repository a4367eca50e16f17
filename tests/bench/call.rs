//! What a call costs more when a library has hooked it.

use std::path::Path;

use pidward_tests::failure::Checked;

use crate::bench::Bench;
use crate::count::Run;
use crate::load::PEERS;
use crate::report::Section;

/// Hooked or not, they are what daemons do.
const CALLS: [&str; 5] = ["open", "creat", "fopen", "rename", "stat"];

/// So many, and as many again: the difference is theirs alone.
const MANY: u64 = 1000;

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "A call",
        "Instructions in user space and system calls for each call: what is added to those without a library. *Awake*: a pidfile was seen, and \
         stand-ins are in place; sigaction asks for a disposition.",
        &[
            "call",
            "without",
            "pidward",
            "pidward, awake",
            "libeatmydata",
            "system calls added",
        ],
    );
    let library = bench.shipped("libpidward.so");
    let peer = PEERS[0].1;
    for call in CALLS.into_iter().chain(["sigaction"]) {
        let of = |library: Option<&Path>, more| each(bench, call, library, more);
        let bare = of(None, &[])?;
        let asleep = of(Some(&library), &[])?;
        let awake = of(Some(&library), &["aware"])?;
        let theirs = of(Some(peer.as_ref()), &[])?;
        let added = |it: (f64, f64)| format!("{:.1}", it.0 - bare.0);
        section.row(
            call,
            [
                format!("{:.1}", bare.0),
                added(asleep),
                added(awake),
                added(theirs),
                format!("{:.2}", awake.1 - bare.1),
            ],
        );
    }
    Ok(section)
}

/// Instructions and system calls of one.
fn each(bench: &Bench, call: &str, library: Option<&Path>, more: &[&str]) -> Checked<(f64, f64)> {
    let directory = bench.fresh("call")?;
    let run = |count: u64| {
        let run = Run::new(&directory, bench.program("calls")).args([call, &count.to_string()]);
        run.args(more).preload(library).env("PIDWARD_GUARD", "off")
    };
    let (few, many) = (run(MANY), run(2 * MANY));
    #[expect(clippy::cast_precision_loss, reason = "they are small")]
    let each = |few: u64, many: u64| (many as f64 - few as f64) / MANY as f64;
    Ok((
        each(few.instructions()?, many.instructions()?),
        each(few.system_calls()?, many.system_calls()?),
    ))
}
