//! What it takes to start a daemon, next to what Debian's scripts use.

use pidward_tests::failure::Checked;

use crate::bench::Bench;
use crate::count::Run;
use crate::report::{Section, count, ratio};
use crate::turns;

const ROUNDS: usize = 300;

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "A daemon is started",
        "`true`, which is all daemon that this needs: time until it has ended, in turns, 300 rounds; and system calls of all.",
        &[
            "command",
            "median, µs",
            "99 of 100, µs",
            "ratio",
            "system calls",
        ],
    );
    let directory = bench.fresh("start")?;
    let run = |program: &str| Run::new(&directory, program);
    let pidward = Run::new(&directory, bench.shipped("pidward"));
    let ssd = || run("start-stop-daemon").args(["--start", "--quiet"]);
    let runs = [
        (
            "pidward run -- true",
            pidward.clone().args(["run", "--", "/bin/true"]),
        ),
        (
            "pidward run --no-preload -- true",
            pidward.args(["run", "--no-preload", "--", "/bin/true"]),
        ),
        (
            "start-stop-daemon --exec true",
            ssd().args(["--exec", "/bin/true"]),
        ),
        (
            "start-stop-daemon --pidfile … --exec true",
            ssd().args(["--pidfile", "x.pid", "--exec", "/bin/true"]),
        ),
        ("true", run("/bin/true")),
        ("true, once more", run("/bin/true")),
    ];
    let commands: Vec<Run> = runs.iter().map(|(_, run)| run.clone()).collect();
    let times = turns::of(&commands, ROUNDS)?;
    let own = times.first().map_or(f64::NAN, turns::Times::median);
    for ((name, run), times) in runs.iter().zip(&times) {
        section.row(
            *name,
            [
                format!("{:.0}", times.median()),
                format!("{:.0}", times.p99()),
                ratio(times.median(), own),
                count(run.system_calls()?),
            ],
        );
    }
    Ok(section)
}
