//! Which of the four lines of defence hold for a daemon, in the order in which it is found out:
//!
//! - [`subject`]: what the argument means: a pidfile, a process or a program
//! - [`site`]: the pidfile and its directory; [`process`]: what the kernel shows of a process
//! - [`program`]: an executable file; [`elf`]: its headers
//! - [`kernel`], [`boot`], [`installed`]: the machine
//! - [`judge`]: from all these facts to a ground for each line; pure
//!
//! Nothing is changed. What cannot be seen is `None` or an error, never a guess.

pub(crate) mod boot;
pub(crate) mod elf;
pub(crate) mod installed;
pub(crate) mod judge;
pub(crate) mod kernel;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod site;
pub(crate) mod subject;

use std::path::{Path, PathBuf};

use pidward_identity::pid::Pid;
use pidward_identity::verdict::Class;

use crate::environment::Environment;
use crate::find::{Search, USUAL};
use crate::finding::{Looked, question};
use crate::place::{NoPlace, Place};
use crate::program::Unrunnable;
use boot::Boot;
use installed::Installed;
use kernel::Kernel;
use process::{NoProcess, Process};
use program::Program;
use site::Site;
use subject::Subject;

/// All that was found out. What there is none of is `None`: no process behind the pidfile, no pidfile of the process.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The pidfile.
    pub(crate) site: Option<Site>,
    /// `run -p` has named that pidfile to the process.
    pub(crate) is_named: bool,
    /// The process.
    pub(crate) process: Option<Process>,
    /// The program that it runs, or that was asked for.
    pub(crate) program: Option<Program>,
    /// The library and the guard.
    pub(crate) installed: Installed,
    /// What the kernel offers.
    pub(crate) kernel: Kernel,
    /// What sweeps at boot.
    pub(crate) boot: Boot,
}

/// Why there is nothing to examine.
#[derive(Debug)]
pub(crate) enum NoSubject {
    /// The number is no daemon's.
    Process(Pid, NoProcess),
    /// There is no such program.
    Program(PathBuf, Unrunnable),
    /// The path can be no pidfile's.
    Place(PathBuf, NoPlace),
}

impl Facts {
    /// Finds out all that can be known of it.
    ///
    /// # Errors
    /// [`NoSubject`].
    pub(crate) fn gather(subject: Subject, environment: &Environment) -> Result<Self, NoSubject> {
        let installed = Installed::look(environment);
        let (site, process, program) = match subject {
            Subject::Pidfile(path) => {
                let site = Site::at(&place(path)?, environment);
                let running = site.finding.reason.class() == Class::Running;
                let owner = site.finding.pid().filter(|_| running);
                let looked = owner.and_then(|pid| Process::look(pid, &installed).ok());
                let (process, program) = looked.unzip();
                (Some(site), process, program)
            }
            Subject::Process(pid) => {
                let (process, program) =
                    Process::look(pid, &installed).map_err(|why| NoSubject::Process(pid, why))?;
                let place = pidfile_of(&process, environment);
                let site = place.map(|place| Site::at(&place, environment));
                (site, Some(process), Some(program))
            }
            Subject::Program(name) => {
                let program = Program::named(name.as_os_str(), environment)
                    .map_err(|why| NoSubject::Program(name, why))?;
                (None, None, Some(program))
            }
        };
        let path = site.as_ref().map(|site| &site.finding.path);
        let named = process.as_ref().map(Process::named).unwrap_or_default();
        Ok(Self {
            is_named: path.is_some_and(|path| named.contains(path)),
            site,
            process,
            program,
            installed,
            kernel: Kernel::look(question(environment, true).offered),
            boot: Boot::look(),
        })
    }
}

fn place(path: PathBuf) -> Result<Place, NoSubject> {
    Place::of(&path).map_err(|why| NoSubject::Place(path, why))
}

/// The pidfile with this process's number: one that `run -p` has named to it, or one where daemons keep theirs. What it has
/// named or keeps in another file system than ours holds the number that it has in its own namespace.
fn pidfile_of(process: &Process, environment: &Environment) -> Option<Place> {
    let named = process.named();
    let mut named = named.iter().filter_map(|path| Place::of(path).ok());
    let holds = |place: &Place, number: Option<u64>| {
        let finding = Looked::at(place, question(environment, true)).finding;
        let pid = finding.pid().and_then(|pid| u64::try_from(pid.get()).ok());
        pid.is_some() && pid == number
    };
    let own = process.own_number;
    let found = |paths: Search| paths.found.into_iter().map(|found| found.place);
    if let Some(place) = named.find(|place| holds(place, own)) {
        return Some(place);
    }
    // A sandbox of systemd's has our /run; then nothing is looked through twice.
    let its = USUAL
        .iter()
        .filter_map(|path| process.directory_of(Path::new(path)));
    let its: Vec<PathBuf> = its.collect();
    let its = found(Search::named(&its)).find(|place| holds(place, own));
    let pid = u64::try_from(process.pid.get()).ok();
    its.or_else(|| found(Search::usual(environment)).find(|place| holds(place, pid)))
}
