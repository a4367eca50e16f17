//! The steps of a long run: what is done to the daemons, one after another.

use std::fs;

use fastrand::Rng;
use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc::Seen;
use pidward_tests::process::Process;
use pidward_tests::watch::Watch;
use pidward_tests::world::{World, evidence, path, write};

use super::Told;
use super::growth::Growth;
use super::soaked::Soaked;
use crate::guarded::guard_of;
use crate::left::{ONE_SECOND, gone_within_a_second};
use crate::life::{Life, parent};
use crate::ways::{Ending, Mode};

/// How much is done to a daemon before it is ended: mostly little, but once in a while more, which shows whether it grows.
const SHORT: usize = 4;
const LONG: usize = 100;
const LONG_IN: usize = 6;

/// A daemon, whether it is up or not.
pub(super) struct Place {
    pub(super) soaked: &'static Soaked,
    pub(super) up: Option<Up>,
    pub(super) longest: Growth,
}

impl Place {
    pub(super) fn new(soaked: &'static Soaked) -> Self {
        Self {
            soaked,
            up: None,
            longest: Growth::default(),
        }
    }

    /// Keeps the size that the daemon has in the longest of its lives.
    pub(super) fn remember(&mut self) {
        if let Some(up) = &self.up
            && up.growth.handled >= self.longest.handled
        {
            self.longest = up.growth;
        }
    }
}

/// A daemon that is up, and whether its guard was killed.
pub(super) struct Up {
    pub(super) life: Life,
    pub(super) guard: Option<Process>,
    mode: Mode,
    /// How much is to be done to it before it is ended.
    left: usize,
    /// Whether its guard is killed before that. It is not reloaded then: at some time later it could write its pidfile anew, and
    /// so get another guard.
    is_robbed: bool,
    growth: Growth,
}

/// All of them, where they run, and what was done to them.
pub(super) struct Soak {
    pub(super) world: World,
    pub(super) random: Rng,
    pub(super) daemons: Vec<Place>,
    pub(super) told: Told,
}

impl Soak {
    /// Starts a daemon, does something to it, or ends it; and says what it did.
    pub(super) fn step(&mut self, index: usize) -> Checked<String> {
        let place = &mut self.daemons[index];
        let soaked = place.soaked;
        place.remember();
        let Some(mut up) = place.up.take() else {
            let (up, what) = self.start(soaked)?;
            self.daemons[index].up = Some(up);
            return Ok(what);
        };
        if up.left == 0 {
            return self.end(soaked, &up);
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
                let process = &up.life.process;
                soaked.reload_by(|| process.signal(signal).doing("reload it"))?;
                Ok("reloaded")
            }
            (1, Some(signal), _) => {
                self.told.reloads += 1;
                soaked.reload_by(|| self.pidward(&["signal", signal.as_str()], soaked))?;
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

    /// Has pidward do something with its pidfile, in which it has to succeed, at the latest when a daemon that has emptied it just
    /// then has written it anew, or removed it.
    fn pidward(&self, words: &[&str], soaked: &Soaked) -> Checked {
        let pidward = path("pidward/pidward").display().to_string();
        let pidfile = soaked.daemon.pidfile().display().to_string();
        let words = [&[&*pidward], words, &[&*pidfile]].concat();
        let deadline = Deadline::after(ONE_SECOND);
        loop {
            let ended = self.world.run(&words, &[], Deadline::seconds(30))?;
            let said = fs::read_to_string(path("start.out")).doing("read what it says")?;
            let is_between = said.contains("nothing written yet");
            if ended == "exited 0" && !is_between {
                return Ok(());
            }
            if !is_between || deadline.passed() {
                return Err(Failure::new(
                    words.join(" "),
                    format!("{ended}\n{}", evidence()),
                ));
            }
            write("start.out", "")?;
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

    /// Those that are up.
    pub(super) fn up(&self) -> impl Iterator<Item = &Up> {
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
}
