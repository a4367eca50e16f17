//! `pidward sweep`: removes pidfiles that are proven stale, and puts right what an interrupted removal has left.
//!
//! Directories are read as they are swept. What is remembered is what the user named, what guards have recorded, and no
//! more, however large the tree is.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::{Path, PathBuf};

use pidward_identity::Errno;
use pidward_identity::pidfile::FileId;
use pidward_identity::walk::{NoWay, Way};

use crate::clean;
use crate::cli;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::find::USUAL;
use crate::guards;
use crate::known;
use crate::place::{Key, NoPlace, Place};
use crate::say;
use crate::say::progress::Progress;
use crate::say::sweep::Answer;
use crate::sweeper::{Orders, Sweeper, is_of_interest};
use crate::tree::{self, Reach, Visitor};

/// Sweeps what was named, or else the usual places.
pub(crate) fn sweep(options: &cli::Sweep, environment: &Environment) -> Exit {
    if options.settle {
        guards::give_time(clean::GUARDS_TIME);
    }
    let is_usual = options.paths.is_empty();
    let (targets, refused) = if is_usual {
        (Targets::usual(environment), Exit::Success)
    } else {
        Targets::named(&options.paths)
    };
    let reach = Reach {
        links: options.follow,
        mounts: options.cross_mounts,
    };
    let orders = Orders {
        dry_run: options.dry_run,
        suspect: options.suspect,
        before_start: false,
    };
    let progress = Progress::of(|| targets.count(reach));
    let answer = Answer::new(options, progress, environment);
    let mut sweep = Sweep {
        sweeper: Sweeper::new(environment, orders, answer),
        singles: BTreeMap::new(),
        tops: Tops::of(&targets.directories),
        named: !is_usual,
        exit: refused,
    };
    sweep.all(&targets, reach);
    if is_usual {
        for link in known::dangling(environment) {
            sweep.sweeper.link(&link);
        }
    }
    let exit = sweep.exit;
    let (swept, answer) = sweep.sweeper.end();
    match answer.end() {
        Ok(()) => exit.max(swept),
        Err(_) => Exit::Unknown,
    }
}

/// What is to be swept.
#[derive(Default)]
struct Targets {
    /// Pidfiles, and whether the user named them.
    files: Vec<(Place, bool)>,
    directories: Vec<PathBuf>,
}

impl Targets {
    fn usual(environment: &Environment) -> Self {
        let known = known::pidfiles(environment);
        let known = known.iter().filter_map(|path| Place::of(path).ok());
        Self {
            files: known.map(|place| (place, false)).collect(),
            directories: USUAL.map(PathBuf::from).to_vec(),
        }
    }

    fn named(paths: &[PathBuf]) -> (Self, Exit) {
        let (mut targets, mut exit) = (Self::default(), Exit::Success);
        for path in paths {
            let absolute = std::path::absolute(path).map_err(NoPlace::NoCurrentDirectory);
            match (Place::of(path), absolute) {
                (Ok(place), _) if !path.is_dir() => targets.files.push((place, true)),
                (_, Ok(directory)) => targets.directories.push(directory),
                (_, Err(_)) => {
                    say::cannot_look_into(path, NoWay::Refused(Errno::NOENT));
                    exit = Exit::Unknown;
                }
            }
        }
        (targets, exit)
    }

    /// How many files there are to look at.
    fn count(&self, reach: Reach) -> u64 {
        let mut count = Count {
            tops: Tops::of(&self.directories),
            files: 0,
        };
        for (index, directory) in self.directories.iter().enumerate() {
            count.tops.begin(index);
            tree::walk(directory, reach, &mut count);
        }
        count.files.saturating_add(self.files.len() as u64)
    }
}

/// The directories that were named, each of which is walked into once, though it may lie in another one.
struct Tops {
    ids: Vec<Option<FileId>>,
    walked: Vec<bool>,
    current: usize,
}

impl Tops {
    fn of(directories: &[PathBuf]) -> Self {
        let id = |path: &PathBuf| {
            let way = pidward_identity::walk::to(std::os::unix::ffi::OsStrExt::as_bytes(
                path.as_os_str(),
            ));
            way.ok().and_then(|way| way.id().ok())
        };
        let ids: Vec<Option<FileId>> = directories.iter().map(id).collect();
        Self {
            walked: vec![false; ids.len()],
            ids,
            current: 0,
        }
    }

    fn begin(&mut self, index: usize) {
        self.current = index;
    }

    /// Whether to walk into this directory: not, if it is one that was named and was walked into already.
    fn enters(&mut self, directory: FileId) -> bool {
        let mut enters = true;
        for (id, walked) in self.ids.iter().zip(&mut self.walked) {
            if *id == Some(directory) {
                enters &= !std::mem::replace(walked, true);
            }
        }
        enters
    }
}

struct Count {
    tops: Tops,
    files: u64,
}

impl Visitor for Count {
    fn enters(&mut self, directory: FileId) -> bool {
        self.tops.enters(directory)
    }

    fn file(&mut self, _: &Way, _: &Path, name: &CStr) {
        self.files += u64::from(is_of_interest(name.to_bytes()));
    }

    fn link(&mut self, _: &Path) {}

    fn hidden(&mut self, _: &Path, _: NoWay) {}
}

struct Sweep<'e> {
    sweeper: Sweeper<'e, Answer>,
    /// Pidfiles that have been swept by themselves, or will be; and whether they have.
    singles: BTreeMap<Key, bool>,
    tops: Tops,
    /// The user named the directories.
    named: bool,
    exit: Exit,
}

impl Sweep<'_> {
    /// First what the user named, then directories, then what guards have recorded and was not among it.
    fn all(&mut self, targets: &Targets, reach: Reach) {
        for (place, named) in &targets.files {
            let was_swept = self.singles.insert(place.key(), *named).unwrap_or(false);
            if *named && !was_swept {
                self.single(place, true);
            }
        }
        for (index, directory) in targets.directories.iter().enumerate() {
            self.tops.begin(index);
            tree::walk(directory, reach, self);
        }
        for (place, named) in &targets.files {
            if !named && self.singles.get(&place.key()) == Some(&false) {
                self.single(place, false);
            }
        }
    }

    fn single(&mut self, place: &Place, named: bool) {
        self.step();
        self.sweeper.place(place, named);
    }

    fn step(&mut self) {
        if let Some(progress) = &mut self.sweeper.report().progress {
            progress.step();
        }
    }

    /// Whether this one was swept by itself; from now on it was swept.
    fn is_single(&mut self, way: &Way, name: &CStr) -> bool {
        if self.singles.is_empty() {
            return false;
        }
        let swept = way.id().ok().and_then(|it| {
            let key = Key::InDirectory(it.device, it.inode, name.to_owned());
            self.singles.get_mut(&key)
        });
        swept.is_some_and(|swept| std::mem::replace(swept, true))
    }
}

impl Visitor for Sweep<'_> {
    fn enters(&mut self, directory: FileId) -> bool {
        self.tops.enters(directory)
    }

    fn file(&mut self, way: &Way, directory: &Path, name: &CStr) {
        if is_of_interest(name.to_bytes()) && !self.is_single(way, name) {
            self.step();
            self.sweeper.file(way, directory, name);
        }
    }

    fn link(&mut self, path: &Path) {
        let is_one = path.file_name().is_some_and(|name| {
            crate::find::is_pidfiles(std::os::unix::ffi::OsStrExt::as_bytes(name))
        });
        let leads_to = std::fs::canonicalize(path).ok().filter(|_| is_one);
        if let Some(Ok(place)) = leads_to.as_deref().map(Place::of) {
            self.sweeper.place(&place, false);
        }
    }

    fn hidden(&mut self, directory: &Path, why: NoWay) {
        let is_top = self
            .tops
            .ids
            .get(self.tops.current)
            .is_none_or(Option::is_none);
        match (why, self.named) {
            // This system has none, or it has just gone.
            (NoWay::Refused(Errno::NOENT), false) => return,
            (NoWay::Refused(Errno::NOENT), true) if !is_top => return,
            (_, true) => self.exit = self.exit.max(Exit::Unknown),
            (_, false) => {}
        }
        if let Some(progress) = &mut self.sweeper.report().progress {
            progress.clear();
        }
        say::cannot_look_into(directory, why);
    }
}
