//! What runs as init of a cell's namespace: one order in, one report out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;
use pidward_tests::world::{World, path};
use serde::{Deserialize, Serialize};

use crate::DAEMONS;
use crate::cell::Cell;
use crate::daemon::Daemon;
use crate::stock;
use crate::supervised;
use crate::supervisors::Supervisor;
use crate::ways::{Ending, Mode};

/// What to run, as it goes from the test to its namespace.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Write a daemon's stock to stdout.
    Stock {
        /// Its name.
        daemon: String,
    },
    /// Run a cell and report.
    Cell {
        /// The daemon's name.
        daemon: String,
        /// How it is started.
        mode: Mode,
        /// How it is ended.
        ending: Ending,
        /// Its stock, where it has one.
        stock: Option<PathBuf>,
        /// The files under test and what the baseline showed; none for the baseline itself.
        under_test: Option<(PathBuf, Showed)>,
    },
    /// Run a daemon under a supervisor and report.
    Supervised {
        /// The daemon's name.
        daemon: String,
        /// The supervisor.
        supervisor: Supervisor,
        /// Whether the daemon is to hand over to another process meanwhile.
        hand_over: bool,
        /// The daemon's stock, where it has one.
        stock: Option<PathBuf>,
        /// The files under test.
        release: PathBuf,
    },
}

/// What a daemon did, as anybody can see it from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Showed {
    /// How the start command ended.
    pub(crate) start: String,
    /// How the stop command ended, where that was the way.
    pub(crate) stop: Option<String>,
    /// How the daemon ended; none when it did not.
    pub(crate) death: Option<String>,
    /// Whether the pidfile was still there right after that.
    pub(crate) kept: bool,
}

/// What a report's line starts with, among all else that is said inside.
pub(crate) const REPORT: &str = "report: ";

/// Carries out the order that is this program's argument.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let order = arguments.first().map(|order| serde_json::from_str(order));
    match order {
        Some(Ok(Order::Stock { daemon })) => return stock::write(&daemon),
        Some(Ok(Order::Cell {
            daemon,
            mode,
            ending,
            stock,
            under_test,
        })) => report(&cell(&daemon, mode, ending, stock, under_test)),
        Some(Ok(Order::Supervised {
            daemon,
            supervisor,
            hand_over,
            stock,
            release,
        })) => report(&supervised(&daemon, supervisor, hand_over, stock, &release)),
        Some(Err(error)) => report(&Checked::<()>::Err(Failure::new("the test itself", error))),
        None => report(&Checked::<()>::Err(Failure::new(
            "the test itself",
            "no order",
        ))),
    }
    ExitCode::SUCCESS
}

fn report<T: Serialize>(report: &Checked<T>) {
    let report = serde_json::to_string(report).unwrap_or_default();
    println!("{REPORT}{report}");
}

fn cell(
    daemon: &str,
    mode: Mode,
    ending: Ending,
    stock: Option<PathBuf>,
    under_test: Option<(PathBuf, Showed)>,
) -> Checked<Showed> {
    let (world, daemon) = &furnish(daemon, stock)?;
    let cell = Cell {
        world,
        daemon,
        mode,
        ending,
    };
    let Some((release, expected)) = under_test else {
        return cell.baseline();
    };
    install(&release)?;
    cell.check(&expected).map(|()| expected)
}

fn supervised(
    daemon: &str,
    supervisor: Supervisor,
    hand_over: bool,
    stock: Option<PathBuf>,
    release: &Path,
) -> Checked {
    let (world, daemon) = &furnish(daemon, stock)?;
    install(release)?;
    if hand_over {
        supervised::hand_over(world, daemon, supervisor)
    } else {
        supervised::check(world, daemon, supervisor)
    }
}

/// A world with all that the daemon needs.
fn furnish(name: &str, stock: Option<PathBuf>) -> Checked<(World, &'static Daemon)> {
    let daemon = DAEMONS.iter().find(|known| known.name == name);
    let daemon = daemon.ok_or(name).doing("no such daemon")?;
    let world = World::new()?;
    if let Some(stock) = stock {
        let archive = stock.display().to_string();
        let status = world.run(&["tar", "-xf", &archive], &[], Deadline::seconds(15))?;
        if status != "exited 0" {
            return Err(Failure::new(
                "the test itself",
                format!("unpacking {archive}: {status}"),
            ));
        }
    }
    (daemon.prepare)(&world)?;
    Ok((world, daemon))
}

fn install(release: &Path) -> Checked {
    fs::create_dir(path("pidward")).doing("make a place for the files under test")?;
    release::copy(release, &path("pidward"))
}
