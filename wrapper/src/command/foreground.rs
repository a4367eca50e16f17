//! `pidward run -f`: starts the command, stays, and ends as its daemon ends. A supervisor or a container has one process
//! to watch and to signal, whatever the command does to get into the background.
//!
//! In the order of the flow:
//!
//! - [`signals`]: ours from the first moment on
//! - [`child`]: the command is started
//! - [`reaping`]: all that dies in its tree; whether anything is left of it
//! - [`pidfiles`], [`owner`]: which process is the daemon; [`watch`]: when to look again
//! - [`descriptor`]: between the two kinds of them
//! - here: what is passed on to it, and how we end
//!
//! The command keeps our session and process group, so on a terminal `^C` reaches it as in a shell: what a terminal has
//! sent to its whole group is passed on to a daemon that has left the group, and to nobody twice.
//!
//! Each turn looks anew, and then sleeps until a signal, a death or a change. Only one thing has a limit of time: what
//! a dead daemon's pidfile may still become.

mod child;
mod descriptor;
mod owner;
mod pidfiles;
mod reaping;
mod signals;
mod watch;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::unistd::{getpgid, getpgrp};
use pidward_identity::evidence::Question;
use pidward_identity::lock;
use pidward_identity::pid::{NotAPid, Pid};
use pidward_identity::pidfd::PidFd;
use pidward_identity::remove::{self, Kept, Writers};
use pidward_identity::walk::NoWay;

use self::owner::Owner;
use self::pidfiles::Pidfiles;
use self::reaping::Ended;
use self::signals::{Arrived, Signals};
use self::watch::Watch;
use super::run;
use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::finding::Looked;
use crate::guard::Told;
use crate::place::Place;
use crate::say;

/// How long after the daemon's death its pidfile may be written by another process that has it open, or be removed by
/// its guard, which gives such a process half of that.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How often to look where nothing can be watched.
const TICK: Duration = Duration::from_secs(1);

/// Runs the command, and comes back when its daemon is dead, or it could not be run.
pub(super) fn run(options: cli::Run, environment: Environment) -> Exit {
    let signals = match Signals::take() {
        Ok(signals) => signals,
        Err(error) => {
            say::foreground::cannot_stay(error);
            return Exit::NotExecutable;
        }
    };
    // Before there are guards: one that is our child tells its end.
    if let Err(error) = set_child_subreaper(true) {
        say::foreground::no_orphans(error);
    }
    let mut ready = match run::prepare(options, environment, Told::StarterStays) {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let pidfiles = Pidfiles::new(std::mem::take(&mut ready.places), &ready.environment);
    let mut watch = Watch::new();
    pidfiles.watch(&mut watch, None);
    match child::start(&ready, &signals) {
        Err(reason) => run::refuse(&ready.name, reason),
        Ok(launcher) => Exit::Daemon(Foreground::new(signals, pidfiles, watch, launcher).stay()),
    }
}

/// What we are in the foreground for.
struct Foreground {
    signals: Signals,
    pidfiles: Pidfiles,
    watch: Watch,
    launcher: Launcher,
    /// The process behind the pidfile, as it was last known.
    daemon: Option<Owner>,
    /// Whether the pidfile says so at this moment.
    is_named: bool,
    /// Those who had the pidfile before, live, and may get it back: when the new process fails, nginx moves its old
    /// pidfile back.
    previous: Vec<Owner>,
    /// Signals that nobody has got yet.
    held: Vec<Arrived>,
    /// Whether there was a pidfile, and the first failure of a process that was reaped before anybody had seen whose it
    /// was: that process, most likely.
    came: bool,
    unseen: Option<Ended>,
    /// When the daemon was found dead.
    dead_since: Option<Instant>,
}

/// The process that the command was started as.
struct Launcher {
    pid: Pid,
    ended: Option<Ended>,
}

impl Foreground {
    fn new(signals: Signals, pidfiles: Pidfiles, watch: Watch, launcher: Pid) -> Self {
        Self {
            signals,
            pidfiles,
            watch,
            launcher: Launcher {
                pid: launcher,
                ended: None,
            },
            daemon: None,
            is_named: false,
            previous: Vec::new(),
            held: Vec::new(),
            came: false,
            unseen: None,
            dead_since: None,
        }
    }

    /// Gives the exit status to end with.
    fn stay(mut self) -> u8 {
        loop {
            // First of all: with the others goes SIGCHLD, and who dies after that is to wake us again.
            while let Some(arrived) = self.signals.next() {
                self.held.push(arrived);
            }
            self.reap();
            self.came |= self.pidfiles.drain(&self.watch);
            self.look();
            self.pass_on();
            if let Some(status) = self.end() {
                return status;
            }
            let named = self.daemon.as_ref().filter(|_| self.is_named);
            // What happened before it was watched has to be looked for.
            if !self.pidfiles.watch(&mut self.watch, named) {
                self.wait();
            }
        }
    }

    /// Reaps all who are dead. A death before anybody had looked at the pidfile may be the daemon's.
    fn reap(&mut self) {
        while let Some(pid) = reaping::dead_child() {
            if self.daemon.as_ref().is_none_or(Owner::is_dead)
                && let Some(owner) = self.pidfiles.dead_owner(pid)
            {
                self.follow(owner);
            }
            let is_guard = reaping::was_guard(pid);
            // The shim starts one for a pidfile that it has seen.
            self.came |= is_guard && !self.pidfiles.are_known();
            let Some(ended) = reaping::reap(pid) else {
                return;
            };
            if pid == self.launcher.pid {
                self.launcher.ended.get_or_insert(ended);
            } else if self.daemon.is_none() && !is_guard && ended.status() != 0 {
                self.unseen.get_or_insert(ended);
            }
            if let Some(daemon) = &mut self.daemon {
                daemon.note(pid, ended);
            }
        }
    }

    /// Looks who has the pidfile.
    fn look(&mut self) {
        let owner = self.pidfiles.owner();
        self.is_named = owner.is_some();
        match (owner, &mut self.daemon) {
            (Some(owner), Some(daemon)) if daemon.pid == owner.pid && !daemon.is_dead() => {
                daemon.seen_again(owner);
            }
            (Some(owner), _) => self.follow(owner),
            (None, _) => {}
        }
    }

    /// The pidfile has passed to this process.
    fn follow(&mut self, owner: Owner) {
        self.previous
            .retain(|previous| previous.pid != owner.pid && !previous.is_dead());
        self.previous
            .extend(self.daemon.take().filter(|old| !old.is_dead()));
        self.daemon = Some(owner);
        self.dead_since = None;
    }

    /// Gives the signals that have come to whom they are meant for, if that is known.
    fn pass_on(&mut self) {
        if self.held.is_empty() {
            return;
        }
        match &self.daemon {
            Some(daemon) if daemon.is_dead() => {}
            Some(daemon) => {
                for arrived in self.held.drain(..) {
                    deliver(arrived, daemon.pid, |signal| daemon.signal(signal));
                }
            }
            None => self.pass_on_to_the_command(),
        }
    }

    /// Without a daemon, the command may be a program that never makes a pidfile, and has to be stoppable. With a
    /// pidfile yet to come, a signal waits for it; unless it is the second that asks for the end.
    fn pass_on_to_the_command(&mut self) {
        let lives = self.launcher.ended.is_none();
        let asked = self
            .held
            .iter()
            .filter(|arrived| arrived.is_to_stop())
            .count();
        let insists = asked > 1;
        if !insists && (self.pidfiles.are_known() || !lives) {
            return;
        }
        let everybody = if lives {
            vec![self.launcher.pid]
        } else {
            reaping::children()
        };
        for pid in everybody {
            if reaping::is_guard(pid) {
                continue;
            }
            // A child of ours, which we have not reaped: the number is its own.
            let Ok(pidfd) = PidFd::open(pid) else {
                continue;
            };
            for arrived in &self.held {
                deliver(*arrived, pid, |signal| owner::send(&pidfd, signal));
            }
        }
        self.held.clear();
    }

    /// The exit status, if it is time to end.
    fn end(&mut self) -> Option<u8> {
        let Some(daemon) = &mut self.daemon else {
            let launcher = self.launcher.ended?;
            if !reaping::only_guards_are_left() {
                return None;
            }
            let guarded = || !self.pidfiles.are_known() && reaping::guarded().next().is_some();
            let unseen = self
                .unseen
                .filter(|_| launcher.status() == 0 && (self.came || guarded()));
            return Some(unseen.unwrap_or(launcher).status());
        };
        if !daemon.is_dead() {
            return None;
        }
        let (dead, end) = (daemon.pid, daemon.end());
        let back = |previous: &Owner| !previous.is_dead() && previous.file_was_moved();
        if let Some(at) = self.previous.iter().rposition(back) {
            self.is_cleared(dead, false);
            self.daemon = Some(self.previous.remove(at));
            self.dead_since = None;
            self.pass_on();
            return None;
        }
        let since = *self.dead_since.get_or_insert_with(Instant::now);
        if !self.is_cleared(dead, since.elapsed() >= LAST_WORDS) {
            return None;
        }
        Some(end.map_or_else(
            || {
                say::foreground::unseen_end(dead.get());
                let code = Exit::Unknown.code();
                u8::try_from(code).unwrap_or(u8::MAX)
            },
            Ended::status,
        ))
    }

    /// Whether the dead daemon's pidfile is gone, or is to stay. Its guard removes it; where there is none, we do.
    fn is_cleared(&self, dead: Pid, is_late: bool) -> bool {
        let Some((main, others)) = self.pidfiles.places().split_first() else {
            return true;
        };
        if !is_late && is_guarded(main) {
            return false;
        }
        for other in others.iter().filter(|other| !is_guarded(other)) {
            // Whoever else has it keeps it.
            let _ = remove(other, dead, Writers::MayWrite);
        }
        let writers = if is_late {
            Writers::HadTheirTime
        } else {
            Writers::MayWrite
        };
        let finding = Looked::at(main, Question::OF_THE_USER).finding;
        match remove(main, dead, writers) {
            Ok(()) => {
                say::removed(&finding);
                true
            }
            Err(Kept::Missing) => true,
            // Somebody is about to write it: a child, or a new instance.
            Err(Kept::NotHis) => is_late || !is_empty(main),
            Err(Kept::Open | Kept::Locked) if !is_late => false,
            Err(kept) => {
                say::left(&finding, kept);
                true
            }
        }
    }

    /// Sleeps until there is something to look at.
    fn wait(&mut self) {
        let dead = self
            .dead_since
            .map(|since| LAST_WORDS.saturating_sub(since.elapsed()));
        let blind = self.pidfiles.can_come() && self.daemon.is_none() && !self.watch.is_armed();
        let timeout = dead.or(blind.then_some(TICK));
        // Rounded up: what is woken too early would not sleep again.
        let timeout = timeout.map_or(PollTimeout::NONE, |timeout| {
            PollTimeout::try_from(timeout + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        // A dead one stays readable.
        let living = self.daemon.as_ref().filter(|_| self.dead_since.is_none());
        let fds = [
            Some(self.signals.as_fd()),
            self.watch.fd(),
            living.map(AsFd::as_fd),
        ];
        let mut fds: Vec<PollFd<'_>> = fds
            .into_iter()
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        // An interruption is none but a reason to look again.
        let _ = poll(&mut fds, timeout);
    }
}

/// Sends a signal, unless its terminal has sent it to this process as well.
fn deliver(
    arrived: Arrived,
    pid: Pid,
    send: impl FnOnce(nix::sys::signal::Signal) -> nix::Result<()>,
) {
    let group = || getpgid(Some(nix::unistd::Pid::from_raw(pid.get())));
    if arrived.from_terminal && group() == Ok(getpgrp()) {
        return;
    }
    if let Err(error) = send(arrived.signal) {
        say::foreground::not_passed_on(arrived.signal, pid.get(), error);
    }
}

/// Whether a guard is at work for it: a child of ours, or another one, which has the record locked.
fn is_guarded(place: &Place) -> bool {
    let key = place.key();
    let guards = reaping::guarded().filter_map(|path| Place::of(&path).ok());
    let is_ours = guards.into_iter().any(|guarded| guarded.key() == key);
    is_ours || place.open().is_ok_and(|pidfile| lock::is_guarded(&pidfile))
}

fn remove(place: &Place, dead: Pid, writers: Writers) -> Result<(), Kept> {
    let pidfile = place.open().map_err(|no_way| match no_way {
        NoWay::Refused(error) => Kept::Denied(error),
        NoWay::Link(_) => Kept::Denied(pidward_identity::Errno::LOOP),
    })?;
    remove::pidfile_of(dead, &pidfile, writers)
}

fn is_empty(place: &Place) -> bool {
    let look = place.open().ok().and_then(|pidfile| pidfile.look().ok());
    look.is_some_and(|look| look.pid == Err(NotAPid::Empty))
}
