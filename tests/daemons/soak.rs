//! A long run: daemons side by side in one namespace, started, ended, reloaded, their logs rotated and robbed of their guards in
//! random order, with what has to hold looked at after each step.
//!
//! As one of the tests it is short, and has those daemons that other tests have as well; `make soak` makes it long, and has more
//! of Debian's. Each of them is a row of one of the tables below `soak/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use libtest_mimic::{Failed, Trial};
use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc::{self, Seen};
use pidward_tests::process::Process;
use pidward_tests::release;
use pidward_tests::watch::{Watch, every_ten_milliseconds};
use pidward_tests::world::{World, evidence, owner, path, write};

use crate::guarded::guard_of;
use crate::inside::{Order, prepare};
use crate::left::{ONE_SECOND, gone_within_a_second};
use crate::life::{Life, parent};
use crate::postgres;
use crate::stock::Stock;
use crate::ways::{Ending, Mode};

mod asked;
mod growth;
mod kept;
mod known;
mod names;
mod soaked;
mod talk;
mod web;

use growth::{Growth, guard_is_small};
use soaked::Soaked;

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

/// How much is done to a daemon before it is ended: mostly little, but once in a while more, which shows whether it grows.
const SHORT: usize = 4;
const LONG: usize = 100;
const LONG_IN: usize = 6;

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

/// A daemon, whether it is up or not.
struct Place {
    soaked: &'static Soaked,
    up: Option<Up>,
    longest: Growth,
}

impl Place {
    fn new(soaked: &'static Soaked) -> Self {
        Self {
            soaked,
            up: None,
            longest: Growth::default(),
        }
    }

    /// Keeps the size that the daemon has in the longest of its lives.
    fn remember(&mut self) {
        if let Some(up) = &self.up
            && up.growth.handled >= self.longest.handled
        {
            self.longest = up.growth;
        }
    }
}

/// A daemon that is up, and whether its guard was killed.
struct Up {
    life: Life,
    guard: Option<Process>,
    mode: Mode,
    /// How much is to be done to it before it is ended.
    left: usize,
    /// Whether its guard is killed before that. It is not reloaded then: at some time later it could write its pidfile anew, and
    /// so get another guard.
    is_robbed: bool,
    growth: Growth,
}

struct Soak {
    world: World,
    random: Rng,
    daemons: Vec<Place>,
    told: Told,
}

impl Soak {
    fn step(&mut self, index: usize) -> Checked<String> {
        let place = &mut self.daemons[index];
        let soaked = place.soaked;
        place.remember();
        let Some(mut up) = place.up.take() else {
            let (up, what) = self.start(soaked)?;
            self.daemons[index].up = Some(up);
            return Ok(what);
        };
        if up.left == 0 {
            let what = self.end(soaked, &up)?;
            return Ok(what);
        }
        up.left -= 1;
        let what = self.handle(soaked, &mut up)?;
        up.growth.look(&up.life.process)?;
        self.daemons[index].up = Some(up);
        Ok(what.to_owned())
    }

    fn start(&mut self, soaked: &Soaked) -> Checked<(Up, String)> {
        let daemon = &soaked.daemon;
        let mode = soaked.modes()[self.random.usize(..soaked.modes().len())];
        let life = Life::start_at_once(&self.world, daemon, mode)?;
        let guard = guard_of(&daemon.pidfile(), &life.process)?;
        daemon
            .ready
            .iter()
            .try_for_each(|ready| ready.wait(&self.world))?;
        *self.told.starts.entry(mode.name().to_owned()).or_default() += 1;
        let length = match self.random.usize(..LONG_IN) {
            0 => LONG,
            _ => SHORT,
        };
        let up = Up {
            life,
            guard: Some(guard),
            mode,
            left: self.random.usize(..=length),
            is_robbed: self.random.bool(),
            growth: Growth::default(),
        };
        Ok((up, format!("started by {}", mode.name())))
    }

    /// Does to a daemon what it is to live through.
    fn handle(&mut self, soaked: &Soaked, up: &mut Up) -> Checked<&'static str> {
        if up.left == 0
            && up.is_robbed
            && let Some(guard) = up.guard.take()
        {
            self.told.guards_killed += 1;
            guard.signal(Signal::SIGKILL).doing("kill its guard")?;
            return match guard.dies_by(Deadline::seconds(5)) {
                true => Ok("robbed of its guard"),
                false => Err(Failure::new("survives SIGKILL", evidence())),
            };
        }
        let asked = if up.is_robbed { 3 } else { self.random.u8(..4) };
        match (asked, soaked.reload, soaked.log) {
            (0, Some(signal), _) => {
                self.told.reloads += 1;
                up.life.process.signal(signal).doing("reload it")?;
                Ok("reloaded")
            }
            (1, Some(signal), _) => {
                self.told.reloads += 1;
                self.pidward(&["signal", signal.as_str()], soaked)?;
                Ok("reloaded by pidward signal")
            }
            (2, _, Some((log, signal))) => {
                self.told.rotations += 1;
                Soaked::rotate(log, signal, &up.life.process)?;
                Ok("its log rotated")
            }
            _ => {
                self.told.looks += 1;
                self.pidward(&["status"], soaked)?;
                Ok("looked at")
            }
        }
    }

    /// Has pidward do something with its pidfile, in which it has to succeed.
    fn pidward(&self, words: &[&str], soaked: &Soaked) -> Checked {
        let pidward = path("pidward/pidward").display().to_string();
        let pidfile = soaked.daemon.pidfile().display().to_string();
        let words = [&[&*pidward], words, &[&*pidfile]].concat();
        match &*self.world.run(&words, &[], Deadline::seconds(30))? {
            "exited 0" => Ok(()),
            ended => Err(Failure::new(
                words.join(" "),
                format!("{ended}\n{}", evidence()),
            )),
        }
    }

    /// Ends it in one of its ways, and sees that it is dead, and so is its pidfile: at once, or by a sweep where its guard was
    /// killed.
    fn end(&mut self, soaked: &Soaked, up: &Up) -> Checked<String> {
        let daemon = &soaked.daemon;
        let pidfile = daemon.pidfile();
        let watch = Watch::on(&[parent(&pidfile)])?;
        let ways: Vec<Ending> = Ending::ALL
            .into_iter()
            .filter(|ending| *ending != Ending::Int)
            .filter(|ending| *ending != Ending::Stop || daemon.stop.is_some())
            .collect();
        let way = self.random.usize(..=ways.len());
        let how = match ways.get(way) {
            Some(ending) => {
                up.life.end(&self.world, daemon, *ending)?;
                ending.name()
            }
            None => {
                self.pidward(&["stop", "--schedule", "TERM/10/KILL/5"], soaked)?;
                "pidward stop"
            }
        };
        *self.told.deaths.entry(how.to_owned()).or_default() += 1;
        if !up.life.process.dies_by(Deadline::seconds(20)) {
            return Err(Failure::new("does not die", evidence()));
        }
        if up.guard.is_none() {
            self.told.swept += 1;
            self.pidward(&["sweep"], soaked)?;
        }
        gone_within_a_second(&watch, &pidfile)?;
        self.end_what_is_nobodys()?;
        Ok(format!("{how} after {}", up.mode.name()))
    }

    fn up(&self) -> impl Iterator<Item = &Up> {
        self.daemons.iter().filter_map(|place| place.up.as_ref())
    }

    /// Workers outlive a master that was killed, and would keep its port.
    fn end_what_is_nobodys(&self) -> Checked {
        let masters: Vec<i32> = self.up().map(|up| up.life.process.pid).collect();
        self.world.end_what_is_left(|seen, all| {
            let parent = |of: &Seen| all.iter().find(|seen| seen.pid == of.parent);
            let mut ancestors = std::iter::successors(Some(seen), |seen| parent(seen));
            ancestors.any(|seen| masters.contains(&seen.pid))
        })
    }

    /// Who lives has his pidfile; who does not has none; there is no guard too many, and none has grown.
    fn holds(&self) -> Checked {
        for place in &self.daemons {
            let pidfile = place.soaked.daemon.pidfile();
            let expected = place.up.as_ref().map(|up| up.life.process.pid);
            let mut named = None;
            // Some write it anew when they reload.
            let same = every_ten_milliseconds(Deadline::after(ONE_SECOND), || {
                named = owner(&pidfile).map(|owner| owner.pid);
                let is_right = named == expected && (named.is_some() || !pidfile.exists());
                is_right.then_some(())
            });
            if same.is_none() {
                let what = format!(
                    "{}: {named:?}, not {expected:?}\n{}",
                    place.soaked.daemon.name,
                    evidence()
                );
                return Err(Failure::new("another pidfile", what));
            }
        }
        let mut expected: Vec<i32> = self
            .up()
            .filter_map(|up| up.guard.as_ref())
            .map(|guard| guard.pid)
            .collect();
        expected.sort_unstable();
        let mut found = Vec::new();
        let same = every_ten_milliseconds(Deadline::after(ONE_SECOND), || {
            found = proc::pidwards().into_iter().map(|seen| seen.pid).collect();
            found.sort_unstable();
            (found == expected).then_some(())
        });
        if same.is_none() {
            let what = format!("{found:?}, not {expected:?}\n{}", evidence());
            return Err(Failure::new("other guards", what));
        }
        self.up()
            .filter_map(|up| up.guard.as_ref())
            .try_for_each(guard_is_small)
    }
}
