//! A long run: daemons side by side in one namespace, started, ended, reloaded and robbed of their guards in random order,
//! with what has to hold looked at after each step.

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
use pidward_tests::world::{World, evidence, owner, path};

use crate::daemon::Daemon;
use crate::guarded::guard_of;
use crate::inside::{Order, prepare};
use crate::left::{ONE_SECOND, gone_within_a_second};
use crate::life::{Life, parent};
use crate::stock::Stock;
use crate::ways::{Ending, Mode};
use crate::{chrony, cron, dnsmasq, memcached, nginx, postgres, redis, rsyslog, shell, sshd};
use crate::{start_stop_daemon, supervisor};

/// Those that do without each other's ports and files; and which of them SIGHUP has read their configuration anew.
static SOAKED: [(Daemon, bool); 12] = [
    // Its SIGHUP is a story of its own: it removes its pidfile, and writes it anew.
    (sshd::DAEMON, false),
    (postgres::DAEMON, true),
    (nginx::DAEMON, true),
    (redis::DAEMON, false),
    (cron::DAEMON, false),
    (rsyslog::DAEMON, true),
    (dnsmasq::DAEMON, true),
    (memcached::DAEMON, false),
    (chrony::DAEMON, false),
    (supervisor::DAEMON, false),
    (start_stop_daemon::DAEMON, false),
    (shell::DAEMON, false),
];

/// For how long, in seconds, where the environment does not say.
const SECONDS: u64 = 15;

/// What a guard may have.
const DESCRIPTORS: usize = 6;
const PRIVATE_KIB: u64 = 32;

/// The soak as a test; `make soak` makes it a long one.
pub(crate) fn trial() -> Trial {
    Trial::test("soak::what_has_to_hold_holds_after_each_step", || {
        outside().map_err(Failed::from)
    })
}

fn outside() -> Checked {
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .map_or(Ok(usual), |text| text.parse())
            .doing(name)
    };
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .doing("the time")?;
    let stock = Stock::default();
    let order = Order::Soak {
        seconds: number("PIDWARD_SOAK_SECONDS", SECONDS)?,
        seed: number("PIDWARD_SOAK_SEED", now.as_secs())?,
        stock: stock.of(&postgres::DAEMON)?,
        release: release::directory()?,
    };
    let told: Told = order.carry_out()?;
    println!("{told:?}");
    match told.steps {
        0 => Err(Failure::new("the test itself", "no step was made")),
        _ => Ok(()),
    }
}

/// What was done.
#[derive(Clone, Default, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    seed: u64,
    steps: u64,
    starts: u64,
    deaths: u64,
    stops: u64,
    reloads: u64,
    guards_killed: u64,
    swept: u64,
}

/// Inside: makes steps until the time is over.
pub(crate) fn run(
    seconds: u64,
    seed: u64,
    stock: Option<PathBuf>,
    release: &Path,
) -> Checked<Told> {
    let daemons = SOAKED.iter().map(|(daemon, _)| daemon);
    let world = prepare(daemons, stock, Some(release))?;
    let mut soak = Soak {
        world,
        random: Rng::with_seed(seed),
        up: SOAKED.iter().map(|_| None).collect(),
        told: Told {
            seed,
            ..Told::default()
        },
    };
    let end = Deadline::seconds(seconds);
    let mut steps = Vec::new();
    while !end.passed() {
        let step = soak.random.usize(..SOAKED.len());
        let done = soak.step(step).and_then(|what| {
            steps.push(format!("{} {what}", SOAKED[step].0.name));
            soak.holds()
        });
        done.map_err(|failure| {
            let last = steps.split_off(steps.len().saturating_sub(8));
            Failure::new(
                format!(
                    "seed {seed}, step {} ({})",
                    soak.told.steps, SOAKED[step].0.name
                ),
                format!("after {last:?}: {failure}"),
            )
        })?;
        soak.told.steps += 1;
    }
    Ok(soak.told)
}

/// A daemon that is up, and whether its guard was killed.
struct Up {
    life: Life,
    guard: Option<Process>,
    mode: Mode,
}

struct Soak {
    world: World,
    random: Rng,
    up: Vec<Option<Up>>,
    told: Told,
}

impl Soak {
    fn step(&mut self, index: usize) -> Checked<String> {
        let (daemon, reloads) = &SOAKED[index];
        let Some(up) = self.up[index].take() else {
            return self.start(index);
        };
        match self.random.usize(..10) {
            0 | 1 if *reloads && up.guard.is_some() => {
                self.told.reloads += 1;
                up.life.process.signal(Signal::SIGHUP).doing("reload it")?;
                self.up[index] = Some(up);
                Ok("reloaded".to_owned())
            }
            0..=2 => {
                if let Some(guard) = &up.guard {
                    self.told.guards_killed += 1;
                    guard.signal(Signal::SIGKILL).doing("kill its guard")?;
                    if !guard.dies_by(Deadline::seconds(5)) {
                        return Err(Failure::new("survives SIGKILL", evidence()));
                    }
                }
                self.up[index] = Some(Up { guard: None, ..up });
                Ok("robbed of its guard".to_owned())
            }
            3 | 4 if up.guard.is_some() => {
                self.told.stops += 1;
                let pidward = path("pidward/pidward").display().to_string();
                let pidfile = daemon.pidfile().display().to_string();
                let words = [&*pidward, "stop", "--schedule", "TERM/10/KILL/5", &pidfile];
                let stopped = self.world.run(&words, &[], Deadline::seconds(30))?;
                if stopped != "exited 0" || daemon.pidfile().exists() {
                    return Err(Failure::new(
                        "not stopped",
                        format!("{stopped}\n{}", evidence()),
                    ));
                }
                self.is_gone(daemon, up, "stopped")
            }
            _ => {
                let all: Vec<Ending> = Ending::ALL
                    .into_iter()
                    .filter(|ending| *ending != Ending::Int)
                    .filter(|ending| *ending != Ending::Stop || daemon.stop.is_some())
                    .collect();
                let ending = all[self.random.usize(..all.len())];
                up.life.end(&self.world, daemon, ending)?;
                self.is_gone(daemon, up, ending.name())
            }
        }
    }

    fn start(&mut self, index: usize) -> Checked<String> {
        let daemon = &SOAKED[index].0;
        let mode = Mode::ALL[self.random.usize(..Mode::ALL.len())];
        let life = Life::start_at_once(&self.world, daemon, mode)?;
        self.told.starts += 1;
        let guard = guard_of(&daemon.pidfile(), &life.process)?;
        daemon
            .ready
            .iter()
            .try_for_each(|ready| ready.wait(&self.world))?;
        let start = format!("started by {}", mode.name());
        self.up[index] = Some(Up {
            life,
            guard: Some(guard),
            mode,
        });
        Ok(start)
    }

    /// It is dead, and so is its pidfile: at once, or by a sweep where its guard was killed.
    fn is_gone(&mut self, daemon: &Daemon, up: Up, how: &str) -> Checked<String> {
        self.told.deaths += 1;
        let pidfile = daemon.pidfile();
        let watch = Watch::on(&[parent(&pidfile)])?;
        if !up.life.process.dies_by(Deadline::seconds(20)) {
            return Err(Failure::new("does not die", evidence()));
        }
        if up.guard.is_none() {
            self.told.swept += 1;
            let pidward = path("pidward/pidward").display().to_string();
            let words = [&*pidward, "sweep", &pidfile.display().to_string()];
            self.world.run(&words, &[], Deadline::seconds(20))?;
        }
        gone_within_a_second(&watch, &pidfile)?;
        self.end_what_is_nobodys()?;
        Ok(format!("{how} after {}", up.mode.name()))
    }

    /// Workers outlive a master that was killed, and would keep its port.
    fn end_what_is_nobodys(&self) -> Checked {
        let masters: Vec<i32> = self
            .up
            .iter()
            .flatten()
            .map(|up| up.life.process.pid)
            .collect();
        self.world.end_what_is_left(|seen, all| {
            let parent = |of: &Seen| all.iter().find(|seen| seen.pid == of.parent);
            let mut ancestors = std::iter::successors(Some(seen), |seen| parent(seen));
            ancestors.any(|seen| masters.contains(&seen.pid))
        })
    }

    /// Who lives has his pidfile; who does not has none; there is no guard too many, and none has grown.
    fn holds(&self) -> Checked {
        for ((daemon, _), up) in SOAKED.iter().zip(&self.up) {
            let named = owner(&daemon.pidfile()).map(|owner| owner.pid);
            let expected = up.as_ref().map(|up| up.life.process.pid);
            if named != expected || expected.is_none() && daemon.pidfile().exists() {
                let what = format!("{}: {named:?}, not {expected:?}", daemon.name);
                return Err(Failure::new(
                    "another pidfile",
                    format!("{what}\n{}", evidence()),
                ));
            }
        }
        let guards = self.up.iter().flatten().filter_map(|up| up.guard.as_ref());
        let mut expected: Vec<i32> = guards.map(|guard| guard.pid).collect();
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
        expected.into_iter().try_for_each(is_small)
    }
}

fn is_small(guard: i32) -> Checked {
    let (descriptors, private) = (proc::descriptors(guard).len(), proc::private_kib(guard)?);
    match descriptors <= DESCRIPTORS && private <= PRIVATE_KIB {
        true => Ok(()),
        false => Err(Failure::new(
            "a guard has grown",
            format!("{descriptors} descriptors, {private} KiB"),
        )),
    }
}
