//! What takes long to make is made once and unpacked in every cell: PostgreSQL's data directory.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace;
use pidward_tests::world::World;

use crate::DAEMONS;
use crate::daemon::Daemon;
use crate::inside::Order;

/// A daemon's stock, made when the first cell asks for it.
#[derive(Debug, Default)]
pub(crate) struct Stock(OnceLock<Checked<PathBuf>>);

impl Stock {
    /// The archive; none for a daemon that needs none.
    pub(crate) fn of(&self, daemon: &Daemon) -> Checked<Option<PathBuf>> {
        daemon
            .stock
            .map(|_| self.0.get_or_init(|| make(daemon)).clone())
            .transpose()
    }
}

fn make(daemon: &Daemon) -> Checked<PathBuf> {
    // More than one may be made at a time, for tests of different kinds.
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let archive = directory.join(format!("{}-{}-{made}.tar", daemon.name, std::process::id()));
    let file = File::create(&archive).doing(archive.display())?;
    let order = Order::Stock {
        daemon: daemon.name.to_owned(),
    };
    let order = serde_json::to_string(&order).doing("write an order")?;
    let said = namespace::run(&[&order], Some(file), Deadline::seconds(60))?;
    if fs::metadata(&archive).is_ok_and(|archive| archive.len() > 0) {
        return Ok(archive);
    }
    Err(Failure::new(
        "the test itself",
        format!("no stock of {}: {said}", daemon.name),
    ))
}

impl Drop for Stock {
    fn drop(&mut self) {
        if let Some(Ok(archive)) = self.0.get() {
            // It is in a directory for what may be lost, so it may also stay.
            let _ = fs::remove_file(archive);
        }
    }
}

/// Inside: makes the stock of `daemon` and writes it to stdout.
pub(crate) fn write(daemon: &str) -> ExitCode {
    let made = || {
        let daemon = DAEMONS
            .iter()
            .find(|known| known.name == daemon)
            .ok_or(daemon)
            .doing("no such daemon")?;
        let make = daemon.stock.ok_or("none").doing("a stock")?;
        let mut archive = File::open(make(&World::new()?)?).doing("open the stock")?;
        io::copy(&mut archive, &mut io::stdout()).doing("write the stock")
    };
    match made() {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
