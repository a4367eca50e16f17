//! A long run: daemons side by side in one namespace, started, ended, reloaded, their logs rotated and robbed of their guards in
//! random order, with what has to hold looked at after each step.
//!
//! As one of the tests it is short, and has those daemons that other tests have as well; `make soak` makes it long, and has more
//! of Debian's. Each of them is a row of one of the tables below `soak/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use libtest_mimic::{Failed, Trial};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::own_devices;
use pidward_tests::release;
use pidward_tests::world::write;

use crate::inside::{Order, prepare};
use crate::postgres;
use crate::stock::Stock;

mod asked;
mod growth;
mod holds;
mod kept;
mod known;
mod names;
mod soaked;
mod steps;
mod talk;
mod web;

use soaked::Soaked;
use steps::{Place, Soak};

/// For how long, in seconds, where the environment does not say.
const SECONDS: u64 = 15;

/// What is installed for all tests; and with what is only installed for a long soak.
const USUAL: &[&[Soaked]] = &[known::DAEMONS];
const ALL: &[&[Soaked]] = &[
    known::DAEMONS,
    web::DAEMONS,
    names::DAEMONS,
    talk::DAEMONS,
    asked::DAEMONS,
    kept::DAEMONS,
];

/// The soak as a test; `make soak` makes it a long one.
pub(crate) fn trial() -> Trial {
    Trial::test("soak::what_has_to_hold_holds_after_each_step", || {
        outside().map_err(Failed::from)
    })
}

fn outside() -> Checked {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().doing(name)).transpose()
    };
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .doing("the time")?;
    let seconds = number("PIDWARD_SOAK_SECONDS")?;
    let stock = Stock::default();
    let order = Order::Soak {
        seconds: seconds.unwrap_or(SECONDS),
        all: seconds.is_some(),
        seed: number("PIDWARD_SOAK_SEED")?.unwrap_or(now.as_secs()),
        stock: stock.of(&postgres::DAEMON)?,
        release: release::directory()?,
    };
    let told: Told = order.carry_out()?;
    println!("{told:#?}");
    match told.steps {
        0 => Err(Failure::new("the test itself", "no step was made")),
        _ => Ok(()),
    }
}

/// What was done.
#[derive(Clone, Default, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    seed: u64,
    daemons: usize,
    steps: u64,
    /// By how they were started.
    starts: BTreeMap<String, u64>,
    /// By how they came about.
    deaths: BTreeMap<String, u64>,
    reloads: u64,
    rotations: u64,
    looks: u64,
    guards_killed: u64,
    swept: u64,
    /// Each daemon's size in its longest life.
    sizes: BTreeMap<String, String>,
}

/// Inside: makes steps until the time is over.
pub(crate) fn run(
    seconds: u64,
    all: bool,
    seed: u64,
    stock: Option<PathBuf>,
    release: &Path,
) -> Checked<Told> {
    let daemons: Vec<Place> = if all { ALL } else { USUAL }
        .iter()
        .flat_map(|rows| rows.iter())
        .map(Place::new)
        .collect();
    own_devices()?;
    let world = prepare(
        daemons.iter().map(|place| &place.soaked.daemon),
        stock,
        Some(release),
    )?;
    let mut soak = Soak {
        world,
        random: Rng::with_seed(seed),
        told: Told {
            seed,
            daemons: daemons.len(),
            ..Told::default()
        },
        daemons,
    };
    let end = Deadline::seconds(seconds);
    let mut steps = Vec::new();
    while !end.passed() {
        // What commands say in one step is enough for a failure to show.
        write("start.out", "")?;
        let index = soak.random.usize(..soak.daemons.len());
        let name = soak.daemons[index].soaked.daemon.name;
        let done = soak.step(index).and_then(|what| {
            steps.push(format!("{name} {what}"));
            soak.holds()
        });
        done.map_err(|failure| {
            let last = steps.split_off(steps.len().saturating_sub(8));
            Failure::new(
                format!("seed {seed}, step {} ({name})", soak.told.steps),
                format!("after {last:?}: {failure}"),
            )
        })?;
        soak.told.steps += 1;
    }
    soak.daemons.iter_mut().for_each(|place| {
        place.remember();
        let size = place.longest.to_string();
        soak.told
            .sizes
            .insert(place.soaked.daemon.name.to_owned(), size);
    });
    Ok(soak.told)
}
