//! What it takes to know whether a daemon lives.

use std::fs;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing};

use crate::bench::Bench;
use crate::count::Run;
use crate::plot::Plot;
use crate::report::{Section, count, ratio};
use crate::turns;

const ROUNDS: usize = 300;

/// Pidfiles in the directory.
const MANY: u64 = 100;

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "Does it live?",
        "Of one pidfile whose process does: instructions in user space of the first process, system calls of all, and times in turns, 300 rounds. Of a directory of 100 \
         such: what is added by each more file.",
        &[
            "command",
            "instructions",
            "ratio",
            "system calls",
            "median, µs",
            "99 of 100, µs",
            "system calls a file",
        ],
    );
    let directory = bench.fresh("status")?;
    let many = bench.fresh("many")?;
    let text = format!("{}\n", std::process::id());
    fs::write(directory.join("x.pid"), &text).doing("write a pidfile")?;
    let pidward = Run::new(&directory, bench.shipped("pidward"));
    let run = |program: &str| Run::new(&directory, program);
    let dash = |script: &str| run("dash").args(["-c", script]);
    let loops = dash(&format!(
        "for file in {}/*; do read -r pid <$file; kill -0 $pid; done",
        many.display()
    ));
    let runs = [
        (
            "pidward status x.pid",
            pidward.clone().args(["status", "x.pid"]),
            Some(pidward.args(["status"]).args([&many])),
        ),
        (
            "start-stop-daemon --status --pidfile x.pid",
            run("start-stop-daemon").args(["--status", "--pidfile", "x.pid"]),
            None,
        ),
        (
            "kill -0 $(cat x.pid), in dash",
            dash("kill -0 $(cat x.pid)"),
            Some(loops),
        ),
        ("pgrep -F x.pid", run("pgrep").args(["-F", "x.pid"]), None),
        (
            "limit: a status in C",
            Run::new(&directory, bench.program("status")).args(["x.pid"]),
            None,
        ),
    ];
    let commands: Vec<Run> = runs.iter().map(|(_, run, _)| run.clone()).collect();
    let times = turns::of(&commands, ROUNDS)?;
    let (mut own, mut bars) = (None, Vec::new());
    for ((name, run, of_many), times) in runs.iter().zip(&times) {
        let instructions = run.instructions()?;
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let number = instructions as f64;
        let each = match of_many {
            Some(of_many) => a_file(of_many, &many, &text)?,
            None => String::new(),
        };
        section.row(
            *name,
            [
                count(instructions),
                ratio(number, *own.get_or_insert(number)),
                count(run.system_calls()?),
                format!("{:.0}", times.median()),
                format!("{:.0}", times.p99()),
                each,
            ],
        );
        bars.push(((*name).to_owned(), times.median()));
    }
    section.plot = Some(Plot {
        name: "status",
        title: "Time until it is known whether one daemon lives, median",
        unit: "µs",
        bars,
    });
    Ok(section)
}

/// System calls for each file, of 100 to 200.
fn a_file(run: &Run, directory: &Path, text: &str) -> Checked<String> {
    let fill = |from: u64| -> Checked<u64> {
        for number in from..from + MANY {
            let file = directory.join(format!("{number}.pid"));
            fs::write(file, text).doing("write a pidfile")?;
        }
        run.system_calls()
    };
    let (few, many) = (fill(0)?, fill(MANY)?);
    fs::remove_dir_all(directory).doing("clear the directory")?;
    fs::create_dir(directory).doing("clear the directory")?;
    #[expect(clippy::cast_precision_loss, reason = "they are small")]
    let each = (many - few) as f64 / MANY as f64;
    Ok(format!("{each:.1}"))
}
