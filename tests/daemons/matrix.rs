//! All cells as tests with names, and what they came to.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libtest_mimic::{Failed, Trial};
use pidward_tests::failure::Checked;
use pidward_tests::release;
use pidward_tests::table::{self, Cell};

use crate::daemon::Daemon;
use crate::inside::{Order, Showed};
use crate::stock::Stock;
use crate::ways::{Ending, Mode};

/// A daemon and an ending: the baseline and the modes that are compared with it.
struct Row {
    daemon: &'static Daemon,
    stock: Arc<Stock>,
    ending: Ending,
    baseline: OnceLock<Checked<Showed>>,
}

impl Row {
    /// What the daemon shows without pidward, looked at once.
    fn baseline(&self) -> Checked<Showed> {
        self.baseline
            .get_or_init(|| self.report(Mode::Baseline, None))
            .clone()
    }

    /// In a few words what a mode came to.
    fn compare(&self, mode: Mode) -> Checked<&'static str> {
        let release = release::directory()?;
        let expected = self.baseline()?;
        let showed = self.report(mode, Some((release, expected)))?;
        Ok(match showed.death {
            _ if self.daemon.is_static && mode != Mode::Guarded => "not reached (static)",
            None => "✓ lives on",
            Some(_) => "✓",
        })
    }

    fn report(&self, mode: Mode, under_test: Option<(PathBuf, Showed)>) -> Checked<Showed> {
        let daemon = self.daemon.name.to_owned();
        let stock = self.stock.of(self.daemon)?;
        let order = Order::Cell {
            daemon,
            mode,
            ending: self.ending,
            stock,
            under_test,
        };
        order.carry_out()
    }
}

/// What the cells came to, in the order of the table.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<(usize, Cell)>>>);

impl Written {
    fn note(&self, place: usize, cell: Cell) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((place, cell));
    }

    /// Writes them where a table is made of them.
    pub(crate) fn write(&self) -> Checked {
        let mut cells = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        cells.sort_by_key(|(place, _)| *place);
        let cells: Vec<Cell> = cells.into_iter().map(|(_, cell)| cell).collect();
        table::write(&cells)
    }
}

/// Every cell and every baseline of `daemons`, and where the cells' results will be.
pub(crate) fn trials(daemons: &'static [Daemon]) -> (Vec<Trial>, Written) {
    let written = Written::default();
    let mut trials = Vec::new();
    for daemon in daemons {
        let stock = Arc::new(Stock::default());
        let label = format!("{} {}", daemon.name, version(daemon.package));
        for ending in Ending::ALL
            .into_iter()
            .filter(|ending| daemon.stop.is_some() || *ending != Ending::Stop)
        {
            let row = Row {
                daemon,
                stock: Arc::clone(&stock),
                ending,
                baseline: OnceLock::new(),
            };
            let row = Arc::new(row);
            let name = |mode: Mode| format!("{}::{}::{}", daemon.name, mode.name(), ending.name());
            let base = Arc::clone(&row);
            let shown = move || base.baseline().map(|_| ()).map_err(Failed::from);
            trials.push(Trial::test(name(Mode::Baseline), shown));
            for &mode in daemon.modes {
                let (row, written, label) = (Arc::clone(&row), written.clone(), label.clone());
                let place = trials.len();
                let compare = move || {
                    let result = row.compare(mode);
                    let words = result
                        .as_ref()
                        .map_or_else(|failure| failure.what.clone(), |&held| held.into());
                    let (ending, mode) = (ending.name().to_owned(), mode.name().to_owned());
                    written.note(
                        place,
                        Cell {
                            daemon: label,
                            ending,
                            mode,
                            result: words,
                        },
                    );
                    result.map(|_| ()).map_err(Failed::from)
                };
                trials.push(Trial::test(name(mode), compare));
            }
        }
    }
    (trials, written)
}

/// A package's version; a missing package shows in its cells.
fn version(package: &str) -> String {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", package])
        .output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}
