//! What a daemon may do in its life besides ending: a story, told without pidward first, which shows what is expected,
//! and then in each mode. Whoever is the pidfile's owner in the end is guarded: killed, he leaves nothing behind.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::release;
use pidward_tests::watch::Watch;
use pidward_tests::world::{World, evidence, owner};

use crate::STORIES;
use crate::daemon::Daemon;
use crate::guarded::{guard_of, is_unnoticed};
use crate::inside::{Order, world_for};
use crate::left::{gone_within_a_second, no_file_of_ours, nothing_is_left};
use crate::life::{Life, parent};
use crate::ways::Mode;

/// A story of a daemon.
pub(crate) struct Story {
    /// What it promises.
    pub(crate) name: &'static str,
    /// Whose it is.
    pub(crate) daemon: &'static Daemon,
    /// In which modes it is told.
    pub(crate) modes: &'static [Mode],
    /// Tells it.
    pub(crate) tell: fn(&Teller<'_>) -> Checked<Told>,
}

/// What there is to tell a story with: the daemon, when it has just started.
pub(crate) struct Teller<'a> {
    /// Where it runs.
    pub(crate) world: &'a World,
    /// The daemon.
    pub(crate) daemon: &'static Daemon,
    /// How it was started.
    pub(crate) mode: Mode,
    /// Its first process.
    pub(crate) first: &'a Process,
}

impl Teller<'_> {
    /// The process that the pidfile names.
    pub(crate) fn named(&self) -> Checked<Process> {
        let named = owner(&self.daemon.pidfile());
        named.ok_or_else(|| Failure::new("no pidfile", evidence()))
    }

    /// Watches the pidfile's directory.
    pub(crate) fn watch(&self) -> Checked<Watch> {
        Watch::on(&[parent(&self.daemon.pidfile())])
    }

    /// The daemon does what it is for.
    pub(crate) fn still_serves(&self) -> Checked {
        let mut ready = self.daemon.ready.iter();
        ready.try_for_each(|ready| ready.wait(self.world))
    }
}

/// How a story went.
pub(crate) struct Told {
    /// Who is to be the owner in the end.
    pub(crate) owner: Process,
    /// What anybody could see, the same whenever it is told.
    pub(crate) seen: Vec<String>,
}

/// Every story in each of its modes, and without pidward.
pub(crate) fn trials(stories: &'static [Story]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for story in stories {
        let name = |mode: Mode| format!("{}::{}::{}", story.daemon.name, mode.name(), story.name);
        let shown: Arc<OnceLock<Checked<Vec<String>>>> = Arc::default();
        let baseline = move || {
            let order = || story.order(Mode::Baseline, None).carry_out();
            shown.get_or_init(order).clone()
        };
        let base = baseline.clone();
        let base = move || base().map(|_| ()).map_err(Failed::from);
        trials.push(Trial::test(name(Mode::Baseline), base));
        for &mode in story.modes {
            let baseline = baseline.clone();
            let compare = move || {
                let under_test = (release::directory()?, baseline()?);
                let order = story.order(mode, Some(under_test));
                order.carry_out::<Vec<String>>().map(|_| ())
            };
            let compare = move || compare().map_err(Failed::from);
            trials.push(Trial::test(name(mode), compare));
        }
    }
    trials
}

impl Story {
    fn order(&self, mode: Mode, under_test: Option<(PathBuf, Vec<String>)>) -> Order {
        Order::Story {
            daemon: self.daemon.name.to_owned(),
            name: self.name.to_owned(),
            mode,
            under_test,
        }
    }
}

/// Inside: tells a story, and gives what was seen.
pub(crate) fn tell(
    daemon: &str,
    name: &str,
    mode: Mode,
    under_test: Option<(PathBuf, Vec<String>)>,
) -> Checked<Vec<String>> {
    let mut stories = STORIES.iter();
    let story = stories
        .find(|story| story.daemon.name == daemon && story.name == name)
        .ok_or(name)
        .doing("no such story")?;
    let (release, expected) = under_test.unzip();
    let world = &world_for(story.daemon, None, release.as_deref())?;
    let life = Life::start(world, story.daemon, mode)?;
    let teller = Teller {
        world,
        daemon: story.daemon,
        mode,
        first: &life.process,
    };
    match expected {
        Some(expected) => guarded(story, &teller, expected),
        None => unguarded(story, &teller),
    }
}

/// Without pidward: the pidfile names who is said to be the owner, and outlives him.
fn unguarded(story: &Story, teller: &Teller<'_>) -> Checked<Vec<String>> {
    let told = (story.tell)(teller)?;
    is_named(teller, &told.owner)?;
    kill(&told.owner)?;
    if teller.daemon.pidfile().exists() {
        Ok(told.seen)
    } else {
        Err(Failure::new(
            "the test itself",
            "the pidfile goes by itself",
        ))
    }
}

/// With pidward: the same is seen, and the owner is guarded, before and after.
fn guarded(story: &Story, teller: &Teller<'_>, expected: Vec<String>) -> Checked<Vec<String>> {
    let pidfile = teller.daemon.pidfile();
    guard_of(&pidfile, teller.first)?;
    let told = (story.tell)(teller)?;
    if told.seen != expected {
        let message = format!(
            "expected {expected:#?}\nseen {:#?}\n{}",
            told.seen,
            evidence()
        );
        return Err(Failure::new("another story", message));
    }
    is_named(teller, &told.owner)?;
    let guard = guard_of(&pidfile, &told.owner)?;
    is_unnoticed(&pidfile, &told.owner, &guard)?;
    is_named(teller, &told.owner)?;
    let watch = teller.watch()?;
    kill(&told.owner)?;
    gone_within_a_second(&watch, &pidfile)?;
    nothing_is_left()?;
    no_file_of_ours(parent(&pidfile))?;
    Ok(expected)
}

fn is_named(teller: &Teller<'_>, owner: &Process) -> Checked {
    if teller.named()?.pid == owner.pid {
        return Ok(());
    }
    let message = format!("PID {} is not named\n{}", owner.pid, evidence());
    Err(Failure::new("another owner", message))
}

fn kill(process: &Process) -> Checked {
    process.signal(Signal::SIGKILL).doing("kill the owner")?;
    if process.dies_by(Deadline::seconds(15)) {
        return Ok(());
    }
    Err(Failure::new("survives SIGKILL", evidence()))
}
