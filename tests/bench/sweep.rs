//! What it takes to remove the stale of many pidfiles.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::peak;
use pidward_tests::watch::Watch;

use crate::bench::Bench;
use crate::count::Run;
use crate::plot::Plot;
use crate::report::{Section, count, ratio};

/// Files in a directory.
const TOGETHER: usize = 1000;

const COUNTS: [usize; 3] = [1_000, 10_000, 100_000];

/// What others do: read each number, ask whether a process has it, remove.
const FIND: &str = "find \"$0\" -name '*.pid' -print0 | xargs -0 awk '{ print FILENAME, $1 }' | while read -r file pid; do \
                    [ -e /proc/$pid ] || echo $file; done | xargs rm -f";
const DASH: &str =
    "for file in \"$0\"/*/*.pid; do kill -0 $(cat $file) 2>/dev/null || rm $file; done";

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "A sweep",
        "Trees of pidfiles, half of them stale: processor time for each file, in microseconds, of the command and all its children. The peers check nothing. \
         The loop in dash was left out where it takes minutes.",
        &[
            "command",
            "1 000",
            "10 000",
            "100 000",
            "ratio",
            "most memory, KiB: 1 000",
            "100 000",
        ],
    );
    let directory = bench.file("tree");
    let pidward = Run::new(Path::new("/"), bench.shipped("pidward"));
    let shell = |script: &str| Run::new(Path::new("/"), "dash").args(["-c", script]);
    let runs = [
        ("pidward sweep", pidward.args(["sweep"])),
        (
            "limit: a sweep in C",
            Run::new(Path::new("/"), bench.program("sweep")),
        ),
        ("find, xargs, awk, dash", shell(FIND)),
        ("kill -0 $(cat …) || rm, in dash", shell(DASH)),
    ];
    let (mut own, mut bars) = (f64::NAN, Vec::new());
    for (name, run) in runs {
        let run = run.args([&directory]);
        let (mut values, mut memory) = (Vec::new(), Vec::new());
        let mut last = f64::NAN;
        for number in COUNTS {
            if name.starts_with("kill") && number > 1000 {
                values.push("–".to_owned());
                continue;
            }
            make(&directory, number)?;
            #[expect(clippy::cast_precision_loss, reason = "they are small")]
            let each = run.processor()? / number as f64;
            left(&directory, number)?;
            values.push(format!("{each:.1}"));
            last = each;
            if name.starts_with("pidward") && number != 10_000 {
                make(&directory, number)?;
                memory.push(count(peak::near_end(run.command(), number / 2)?.peak));
            }
        }
        if own.is_nan() {
            own = last;
        }
        values.push(ratio(last, own));
        memory.resize(2, String::new());
        values.extend(memory);
        section.row(name, values);
        bars.push((name.to_owned(), last));
    }
    let _ = fs::remove_dir_all(&directory);
    section.plot = Some(Plot {
        name: "sweep",
        title: "Processor time for each pidfile of a large tree, half of them stale",
        unit: "µs",
        bars,
    });
    Ok(section)
}

/// A tree of so many pidfiles.
fn make(directory: &Path, number: usize) -> Checked {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir(directory).doing("make a tree")?;
    // One lives, as long as we do; no process has the other number, proc_sys_kernel(5).
    let texts = [
        format!("{}\n", std::process::id()),
        "2147483647\n".to_owned(),
    ];
    for index in 0..number {
        let below = directory.join(format!("{}", index / TOGETHER));
        if index % TOGETHER == 0 {
            fs::create_dir(&below).doing("make a directory")?;
        }
        let text = texts.get(index % 2).map_or("", String::as_str);
        fs::write(below.join(format!("{index}.pid")), text).doing("make a pidfile")?;
    }
    // As at boot: pidfiles that were just made are looked at more closely. Nothing tells that time passes.
    let watch = Watch::on(&[Path::new("/proc/sys")])?;
    let _: Option<()> = watch.until(Deadline::after(Duration::from_secs(3)), &[], || None);
    Ok(())
}

/// Half of them are left.
fn left(directory: &Path, number: usize) -> Checked {
    let mut left = 0;
    for below in fs::read_dir(directory).doing("count what is left")? {
        let below = below.doing("count what is left")?.path();
        left += fs::read_dir(below).doing("count what is left")?.count();
    }
    match left == number / 2 {
        true => Ok(()),
        false => Err(Failure::new(
            "another sweep",
            format!("{left} of {number} left"),
        )),
    }
}
