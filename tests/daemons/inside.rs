//! What runs as init of a cell's namespace: one order in, one report out.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;
use pidward_tests::world::{World, path};
use serde::{Deserialize, Serialize};

use crate::DAEMONS;
use crate::cell::Cell;
use crate::stock;
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
    let report = match order {
        Some(Ok(Order::Stock { daemon })) => return stock::write(&daemon),
        Some(Ok(Order::Cell {
            daemon,
            mode,
            ending,
            stock,
            under_test,
        })) => cell(&daemon, mode, ending, stock, under_test),
        Some(Err(error)) => Err(Failure::new("the test itself", error)),
        None => Err(Failure::new("the test itself", "no order")),
    };
    let report = serde_json::to_string(&report).unwrap_or_default();
    println!("{REPORT}{report}");
    ExitCode::SUCCESS
}

fn cell(
    daemon: &str,
    mode: Mode,
    ending: Ending,
    stock: Option<PathBuf>,
    under_test: Option<(PathBuf, Showed)>,
) -> Checked<Showed> {
    let daemon = DAEMONS
        .iter()
        .find(|known| known.name == daemon)
        .ok_or(daemon)
        .doing("no such daemon")?;
    let world = &World::new()?;
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
    (daemon.prepare)(world)?;
    let cell = Cell {
        world,
        daemon,
        mode,
        ending,
    };
    let Some((release, expected)) = under_test else {
        return cell.baseline();
    };
    fs::create_dir(path("pidward")).doing("make a place for the files under test")?;
    release::copy(&release, &path("pidward"))?;
    cell.check(&expected).map(|()| expected)
}
