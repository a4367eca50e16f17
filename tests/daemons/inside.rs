//! What runs as init of a namespace: one order in, one report out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::{World, path};
use pidward_tests::{namespace, release};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::DAEMONS;
use crate::cell::Cell;
use crate::daemon::Daemon;
use crate::supervisors::Supervisor;
use crate::ways::{Ending, Mode};
use crate::{memcheck, soak, stock, story, supervised};

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
    /// Tell a story and report.
    Story {
        /// The daemon's name.
        daemon: String,
        /// The story's.
        name: String,
        /// How the daemon is started.
        mode: Mode,
        /// The files under test and what was seen without them; none for the baseline itself.
        under_test: Option<(PathBuf, Vec<String>)>,
    },
    /// Run daemons for a long time, and report what was done.
    Soak {
        /// For so many seconds.
        seconds: u64,
        /// Whether these are all daemons, or those that other tests have as well.
        all: bool,
        /// What the order of things comes from.
        seed: u64,
        /// PostgreSQL's stock.
        stock: Option<PathBuf>,
        /// The files under test.
        release: PathBuf,
    },
    /// Run a daemon under memcheck and report.
    Memcheck {
        /// Its name.
        daemon: String,
        /// The files under test.
        release: PathBuf,
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

impl Order {
    /// Outside: has it carried out in a namespace of its own, and gives what was reported.
    pub(crate) fn carry_out<T: DeserializeOwned>(&self) -> Checked<T> {
        let order = serde_json::to_string(self).doing("write an order")?;
        let soaking = match self {
            Self::Soak { seconds, .. } => *seconds,
            Self::Stock { .. }
            | Self::Cell { .. }
            | Self::Story { .. }
            | Self::Memcheck { .. }
            | Self::Supervised { .. } => 0,
        };
        let said = namespace::run(&[&order], None, Deadline::seconds(120 + soaking))?;
        let report = said.lines().find_map(|line| line.strip_prefix(REPORT));
        let report =
            report.ok_or_else(|| Failure::new("the test itself", format!("no report: {said}")))?;
        serde_json::from_str::<Checked<T>>(report).doing("read the report")?
    }
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
const REPORT: &str = "report: ";

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
        Some(Ok(Order::Story {
            daemon,
            name,
            mode,
            under_test,
        })) => report(&story::tell(&daemon, &name, mode, under_test)),
        Some(Ok(Order::Memcheck { daemon, release })) => report(&memchecked(&daemon, &release)),
        Some(Ok(Order::Supervised {
            daemon,
            supervisor,
            hand_over,
            stock,
            release,
        })) => report(&under(&daemon, supervisor, hand_over, stock, &release)),
        Some(Ok(Order::Soak {
            seconds,
            all,
            seed,
            stock,
            release,
        })) => report(&soak::run(seconds, all, seed, stock, &release)),
        Some(Err(error)) => report::<()>(&Err(Failure::new("the test itself", error))),
        None => report::<()>(&Err(Failure::new("the test itself", "no order"))),
    }
    ExitCode::SUCCESS
}

fn report<T: Serialize>(result: &Checked<T>) {
    let report = serde_json::to_string(result).unwrap_or_default();
    println!("{REPORT}{report}");
}

fn cell(
    daemon: &str,
    mode: Mode,
    ending: Ending,
    stock: Option<PathBuf>,
    under_test: Option<(PathBuf, Showed)>,
) -> Checked<Showed> {
    let daemon = known(daemon)?;
    let (release, expected) = under_test.unzip();
    let world = &world_for(daemon, stock, release.as_deref())?;
    let cell = Cell {
        world,
        daemon,
        mode,
        ending,
    };
    let Some(expected) = expected else {
        return cell.baseline();
    };
    cell.check(&expected).map(|()| expected)
}

fn memchecked(daemon: &str, release: &Path) -> Checked {
    let daemon = known(daemon)?;
    memcheck::check(&world_for(daemon, None, Some(release))?, daemon)
}

fn under(
    daemon: &str,
    supervisor: Supervisor,
    hand_over: bool,
    stock: Option<PathBuf>,
    release: &Path,
) -> Checked {
    let daemon = known(daemon)?;
    let world = &world_for(daemon, stock, Some(release))?;
    if hand_over {
        supervised::hand_over(world, daemon, supervisor)
    } else {
        supervised::check(world, daemon, supervisor)
    }
}

fn known(name: &str) -> Checked<&'static Daemon> {
    let daemon = DAEMONS.iter().find(|known| known.name == name);
    daemon.ok_or(name).doing("no such daemon")
}

/// The inside of this namespace with all that the daemon needs, and the files under test, if any.
pub(crate) fn world_for(
    daemon: &Daemon,
    stock: Option<PathBuf>,
    release: Option<&Path>,
) -> Checked<World> {
    prepare([daemon], stock, release)
}

/// The same for several.
pub(crate) fn prepare<'d>(
    daemons: impl IntoIterator<Item = &'d Daemon>,
    stock: Option<PathBuf>,
    release: Option<&Path>,
) -> Checked<World> {
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
    for daemon in daemons {
        (daemon.prepare)(&world)?;
    }
    if let Some(release) = release {
        fs::create_dir(path("pidward")).doing("make a place for the files under test")?;
        release::copy(release, &path("pidward"))?;
    }
    Ok(world)
}
