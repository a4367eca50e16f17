//! From the facts to a ground for each of the four lines of defence: why it holds, or why not. Here nothing is asked any more.

use std::io;
use std::path::{Path, PathBuf};

use pidward_identity::evidence::Proof;
use pidward_identity::verdict::Reason;

use super::Facts;
use super::boot::Init;
use super::elf::{Libc, NoElf};
use super::installed::Fault;
use super::process::Process;
use super::program::{Attributes, Caller, Gain, Program};
use super::site::Site;
use crate::find::USUAL;
use crate::parts::Unusable;
use crate::say::Refused;

/// Whether a line of defence holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Holds,
    Fails,
    /// It cannot be told.
    Unknown,
}

/// The library in the daemon: its pidfile goes before the process is gone, however it ends of itself.
#[derive(Debug)]
pub(crate) enum Shim<'f> {
    /// It is loaded.
    Loaded,
    /// So is it, from a file that is no more the installed one.
    LoadedBefore,
    /// It would be loaded.
    WouldLoad,
    /// It is loaded, and makes no system call under a filter.
    Filtered,
    /// It is loaded, and the daemon may not remove its pidfile.
    Powerless,
    /// It is loaded, and nobody removes the pidfile while this has an attribute of chattr(1).
    Fixed(&'f Path),
    /// It is loaded, and the daemon has locked itself into a directory.
    Chrooted(&'f Path),
    /// The dynamic linker was not told to load it.
    NotPreloaded,
    /// The program is static: there is no dynamic linker.
    Static,
    /// The program is for another kind of machine than the library.
    OtherMachine,
    /// The program gains rights when it is executed.
    Gains(Gain),
    /// The library cannot be loaded.
    Unusable(&'f Unusable),
    /// The library is on a mount from which nothing is executed.
    NoExec,
    /// The program's C library is none that pidward is tested with.
    OtherLibc,
    /// We may not see what is loaded.
    Unseen,
    /// There is no process and no program to tell by.
    NoProcess,
    /// The program cannot be read.
    Unreadable(&'f io::Error),
    /// The program is neither an ELF file nor a script.
    NoElf,
}

/// The guard: the pidfile goes when the daemon dies without a chance to act.
#[derive(Debug)]
pub(crate) enum Guard<'f> {
    /// It is at work.
    AtWork,
    /// So it is, and it is killed together with the daemon.
    DiesAlong(Killer),
    /// It is at work, and nobody removes the pidfile while this has an attribute of chattr(1).
    Fixed(PathBuf),
    /// It would be started.
    WouldStart,
    /// None would be: the path cannot be a pidfile's.
    Refused(&'f Refused),
    /// `PIDWARD_GUARD=off`.
    Off,
    /// There is none for this pidfile.
    NotThere,
    /// It cannot be executed.
    Broken(Fault),
    /// The kernel has no pidfds.
    NoPidfd,
    /// No pidfile is known.
    NoPidfile,
}

/// Who ends a guard together with its daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Killer {
    /// The unit has `KillMode=mixed`.
    Mixed,
    /// The daemon is the first process of its PID namespace, with which everybody in it ends.
    FirstProcess,
}

/// The sweep: what the death of the whole machine or container leaves goes before the daemon starts.
#[derive(Debug)]
pub(crate) enum Sweep {
    /// At boot.
    AtBoot(Init),
    /// `run -p` does, before the daemon starts.
    AtStart,
    /// Nothing in that directory is there after a boot.
    InMemory,
    /// Nobody removes the pidfile while this has an attribute of chattr(1).
    Fixed(PathBuf),
    /// The pidfile is in another file system than ours, which has another boot.
    Elsewhere,
    /// It is installed, and not started at boot.
    NotEnabled(Init),
    /// It is not installed, or nothing is booted here.
    NotInstalled(Init),
    /// At boot, and not there where this pidfile lies: no guard has recorded it.
    NotFound,
}

/// The record: which process the pidfile means.
#[derive(Debug)]
pub(crate) enum Record {
    /// It proves it.
    Proven(Proof),
    /// There would be one, which proves it so.
    WouldProve(Proof),
    /// There is none.
    NotRecorded,
    /// It says that the pidfile is stale.
    Stale,
    /// Of such a pidfile it cannot be told.
    Undecided(Reason),
    /// The pidfile's name is too long.
    NameTooLong,
    /// Nothing can be written there.
    ReadOnly,
    /// There is no such directory.
    NoDirectory,
    /// No pidfile is known.
    NoPidfile,
    /// There is no guard that would write one.
    NoGuard,
}

/// A ground for each line.
#[derive(Debug)]
pub(crate) struct Judgement<'f> {
    pub(crate) shim: Shim<'f>,
    pub(crate) guard: Guard<'f>,
    pub(crate) sweep: Sweep,
    pub(crate) record: Record,
}

impl<'f> Judgement<'f> {
    /// Of these facts; `kill_mode` is that of the daemon's unit.
    pub(crate) fn of(facts: &'f Facts, caller: Caller, kill_mode: Option<&str>) -> Self {
        let guard = guard(facts, kill_mode);
        Self {
            shim: shim(facts, caller),
            sweep: sweep(facts, &guard),
            record: record(facts, &guard),
            guard,
        }
    }

    /// Of each line, in their order.
    pub(crate) fn states(&self) -> [State; 4] {
        [
            self.shim.state(),
            self.guard.state(),
            self.sweep.state(),
            self.record.state(),
        ]
    }
}

impl Shim<'_> {
    fn state(&self) -> State {
        match self {
            Self::Loaded | Self::LoadedBefore | Self::WouldLoad => State::Holds,
            Self::OtherLibc
            | Self::Unseen
            | Self::NoProcess
            | Self::Unreadable(_)
            | Self::NoElf => State::Unknown,
            Self::Filtered
            | Self::Powerless
            | Self::Fixed(_)
            | Self::Chrooted(_)
            | Self::NotPreloaded
            | Self::Static
            | Self::OtherMachine
            | Self::Gains(_)
            | Self::Unusable(_)
            | Self::NoExec => State::Fails,
        }
    }
}

impl Guard<'_> {
    fn state(&self) -> State {
        match self {
            Self::AtWork | Self::DiesAlong(_) | Self::WouldStart => State::Holds,
            Self::NoPidfile => State::Unknown,
            Self::Fixed(_)
            | Self::Refused(_)
            | Self::Off
            | Self::NotThere
            | Self::Broken(_)
            | Self::NoPidfd => State::Fails,
        }
    }
}

impl Sweep {
    fn state(&self) -> State {
        match self {
            Self::AtBoot(_) | Self::AtStart | Self::InMemory => State::Holds,
            Self::Elsewhere => State::Unknown,
            Self::Fixed(_) | Self::NotEnabled(_) | Self::NotInstalled(_) | Self::NotFound => {
                State::Fails
            }
        }
    }
}

impl Record {
    fn state(&self) -> State {
        match self {
            Self::Proven(_) | Self::WouldProve(_) => State::Holds,
            Self::Undecided(_) | Self::NoPidfile => State::Unknown,
            Self::NotRecorded
            | Self::Stale
            | Self::NameTooLong
            | Self::ReadOnly
            | Self::NoDirectory
            | Self::NoGuard => State::Fails,
        }
    }
}

fn shim(facts: &Facts, caller: Caller) -> Shim<'_> {
    let Some(process) = &facts.process else {
        return facts.program.as_ref().map_or(Shim::NoProcess, |program| {
            let gain = program.file.and_then(|file| file.gain(caller));
            of_program(facts, program, gain)
        });
    };
    if let (Ok(Some(_)), Some(path)) = (&process.library, fixed(facts)) {
        return Shim::Fixed(path);
    }
    match &process.library {
        Err(_) => Shim::Unseen,
        Ok(Some(_)) if process.seccomp.is_some_and(|mode| mode != 0) => Shim::Filtered,
        Ok(Some(_)) if process.chrooted && process.root.is_ok() => {
            Shim::Chrooted(process.root.as_deref().unwrap_or(Path::new("/")))
        }
        Ok(Some(_)) if !may_remove(facts, process) => Shim::Powerless,
        Ok(Some(loaded)) if !loaded.is_installed => Shim::LoadedBefore,
        Ok(Some(_)) => Shim::Loaded,
        Ok(None) => {
            let program = facts.program.as_ref();
            // Who asks need not be who started it; the kernel knows.
            let gain = |program: &Program| {
                let is_secure = process.secure == Some(true);
                is_secure.then(|| program.file.map_or(Gain::Unknown, Attributes::given))
            };
            match program.map(|program| of_program(facts, program, gain(program))) {
                // What stands in the way of it is what the user wants to know.
                Some(obstacle) if obstacle.state() == State::Fails => obstacle,
                _ => Shim::NotPreloaded,
            }
        }
    }
}

/// What nobody changes.
fn fixed(facts: &Facts) -> Option<&Path> {
    facts.site.as_ref()?.fixed.as_deref()
}

/// Whether a daemon with these rights removes its pidfile; without a known one, nothing speaks against it.
fn may_remove(facts: &Facts, process: &Process) -> bool {
    let site = facts.site.as_ref();
    site.is_none_or(|site| site.can_be_removed_by(&process.rights))
}

fn of_program<'f>(facts: &'f Facts, program: &'f Program, gain: Option<Gain>) -> Shim<'f> {
    let elf = match &program.elf {
        Ok(elf) => elf,
        Err(NoElf::OtherMachine) => return Shim::OtherMachine,
        Err(NoElf::Unreadable(error)) => return Shim::Unreadable(error),
        Err(NoElf::Other) => return Shim::NoElf,
    };
    if elf.loader.is_none() {
        return Shim::Static;
    }
    if let Some(gain) = gain {
        return Shim::Gains(gain);
    }
    match &facts.installed.library {
        Err(unusable) => Shim::Unusable(unusable),
        Ok(_) if facts.installed.library_noexec => Shim::NoExec,
        Ok(_) if facts.installed.machine.is_some_and(|it| it != elf.machine) => Shim::OtherMachine,
        Ok(_) if elf.libc() == Libc::Other => Shim::OtherLibc,
        Ok(_) => Shim::WouldLoad,
    }
}

fn guard<'f>(facts: &'f Facts, kill_mode: Option<&str>) -> Guard<'f> {
    let process = facts.process.as_ref();
    match &facts.site {
        Some(Site {
            guarded: true,
            fixed: Some(path),
            ..
        }) => Guard::Fixed(path.clone()),
        Some(site) if site.guarded => match process {
            Some(process) if process.is_first() => Guard::DiesAlong(Killer::FirstProcess),
            _ if kill_mode == Some("mixed") => Guard::DiesAlong(Killer::Mixed),
            _ => Guard::AtWork,
        },
        Some(Site {
            refused: Some(refused),
            ..
        }) => Guard::Refused(refused),
        _ if !facts.kernel.pidfd => Guard::NoPidfd,
        _ if facts.installed.guard_fault.is_some() => {
            Guard::Broken(facts.installed.guard_fault.unwrap_or(Fault::Foreign))
        }
        _ if process.is_none() => Guard::WouldStart,
        _ if is_off(process) => Guard::Off,
        Some(_) => Guard::NotThere,
        None => Guard::NoPidfile,
    }
}

fn is_off(process: Option<&Process>) -> bool {
    let settings = process.and_then(|process| process.environment.as_ref().ok());
    settings.is_some_and(|settings| settings.guard_off)
}

fn sweep(facts: &Facts, guard: &Guard<'_>) -> Sweep {
    let site = facts.site.as_ref();
    let path = site.map(|site| site.finding.path.as_path());
    let fixed = fixed(facts);
    if facts.is_named && fixed.is_none() {
        return Sweep::AtStart;
    }
    if site.is_some_and(|site| site.in_memory) {
        return Sweep::InMemory;
    }
    if let Some(path) = fixed {
        return Sweep::Fixed(path.to_owned());
    }
    let process = facts.process.as_ref().zip(path);
    if process.is_some_and(|(process, path)| process.elsewhere(path).is_some()) {
        return Sweep::Elsewhere;
    }
    let boot = &facts.boot;
    let is_usual = |path: &Path| USUAL.iter().any(|usual| path.starts_with(usual));
    match (boot.enabled, path) {
        (true, Some(path)) if guard.state() != State::Holds && !is_usual(path) => Sweep::NotFound,
        (true, _) => Sweep::AtBoot(boot.init),
        (false, _) if boot.file.is_some() => Sweep::NotEnabled(boot.init),
        (false, _) => Sweep::NotInstalled(boot.init),
    }
}

fn record(facts: &Facts, guard: &Guard<'_>) -> Record {
    let would = || {
        let kernel = &facts.kernel;
        match guard.state() {
            State::Holds if kernel.handle => Record::WouldProve(Proof::Handle),
            State::Holds if kernel.inode => Record::WouldProve(Proof::Inode),
            State::Holds => Record::WouldProve(Proof::Start),
            State::Fails | State::Unknown => Record::NoGuard,
        }
    };
    let Some(site) = &facts.site else {
        return match facts.process {
            Some(_) => Record::NoPidfile,
            None => would(),
        };
    };
    match site.finding.reason {
        Reason::Verified(proof) => Record::Proven(proof),
        _ if site.name_too_long => Record::NameTooLong,
        _ if site.read_only => Record::ReadOnly,
        Reason::Unverified => Record::NotRecorded,
        Reason::Missing if !site.has_directory => Record::NoDirectory,
        Reason::Missing => would(),
        Reason::Dead
        | Reason::Reused
        | Reason::Thread
        | Reason::OtherBoot
        | Reason::GoneNamespace => Record::Stale,
        reason @ (Reason::Elsewhere
        | Reason::Suspect
        | Reason::Shared
        | Reason::Untrusted
        | Reason::Unreadable
        | Reason::Empty
        | Reason::Garbled) => Record::Undecided(reason),
    }
}
