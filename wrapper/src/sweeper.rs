//! Sweeping one pidfile after the other: removes what is proven stale, and puts right what a crash in the middle of a
//! removal has left: the pidfile under its aside name, a record without a pidfile.
//!
//! What is removed and what is not is told to a [`Report`]; nothing is printed here. How long others are waited for is
//! limited for all pidfiles together: who holds many locks does not keep the sweep for long.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use pidward_identity::evidence::Question;
use pidward_identity::pidfile::{Look, Name, Pidfile, of_aside, of_record};
use pidward_identity::remove::{self, Kept, PutBack, Writers};
use pidward_identity::verdict::{Class, Reason};
use pidward_identity::walk::{self, Way};

use crate::around::Remembered;
use crate::changes;
use crate::clean::{self, Removed};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::find::is_pidfiles;
use crate::finding::{Finding, Looked, question};
use crate::known::Dangling;
use crate::own;
use crate::place::Place;
use crate::tally::Tally;

/// For how long others are waited for, all in all: guards that have not removed their dead daemon's pidfile yet, and those
/// who have just put one aside.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who puts a pidfile aside needs microseconds from there; after this many seconds nobody is at it any more. The times of
/// files are counted in whole ones.
const UNDER_WAY: i64 = 2;

/// What the user wants.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Orders {
    /// Only say what would be done.
    pub(crate) dry_run: bool,
    /// Remove what is suspect too.
    pub(crate) suspect: bool,
    /// We are about to become the daemon, or its parent: see [`own`].
    pub(crate) before_start: bool,
}

/// What something was done with, or not.
#[derive(Debug)]
pub(crate) enum What<'a> {
    /// A pidfile under its name.
    Pidfile(&'a Finding),
    /// What an interrupted removal has left; its finding has the path at which it lies.
    Aside(&'a Finding),
    /// A record beside no pidfile; the record's path.
    Record(&'a Path),
    /// A link to a pidfile that is no more.
    Link(&'a Dangling),
}

/// What was done.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is removed, or would be.
    Removed,
    /// It is under its own name again, or would be.
    PutBack,
    /// It stays, because the verdict is as it is; or for another reason.
    Left(Option<Kept>),
    /// A link stays.
    LinkLeft(std::io::Error),
    /// There was none; the user had named it.
    Missing,
}

/// Learns of all that is done, and of what is not.
pub(crate) trait Report {
    /// This became of it.
    fn tell(&mut self, what: &What<'_>, fate: &Fate);
}

/// A sweep.
pub(crate) struct Sweeper<'e, R> {
    environment: &'e Environment,
    orders: Orders,
    around: Remembered,
    patience: Duration,
    tally: Tally<'e>,
    report: R,
    exit: Exit,
}

/// Whether a file of this name is any of a sweep's business.
pub(crate) fn is_of_interest(name: &[u8]) -> bool {
    is_pidfiles(name) || of_aside(name).is_some() || of_record(name).is_some()
}

impl<'e, R: Report> Sweeper<'e, R> {
    /// A sweep that has not begun.
    pub(crate) fn new(environment: &'e Environment, orders: Orders, report: R) -> Self {
        Self {
            environment,
            orders,
            around: Remembered::default(),
            patience: PATIENCE,
            tally: Tally::new("sweep", environment),
            report,
            exit: Exit::Success,
        }
    }

    /// Whom it tells.
    pub(crate) fn report(&mut self) -> &mut R {
        &mut self.report
    }

    /// At its end: [`Exit::Failed`] if something stale could not be removed.
    pub(crate) fn end(self) -> (Exit, R) {
        (self.exit, self.report)
    }

    /// A file of this name that lies in a directory.
    pub(crate) fn file(&mut self, way: &Way, directory: &Path, name: &CStr) {
        let bytes = name.to_bytes();
        if let Some(whole) = of_aside(bytes) {
            self.aside(way, directory, name, whole);
        } else if let Some(pidfile) = of_record(bytes) {
            self.record(way, directory, pidfile);
        } else if is_pidfiles(bytes) {
            self.pidfile(way, directory, name, false);
        }
    }

    /// A pidfile at this place, and what a crash has left beside it.
    pub(crate) fn place(&mut self, place: &Place, named: bool) {
        let directory = place.directory();
        let Ok(way) = walk::to(directory.as_os_str().as_bytes()) else {
            // Why, that is a verdict too.
            let looked = Looked::at(place, question(self.environment, named));
            return self.judge(looked, named, |_| {});
        };
        let name = place.name();
        let pidfile = Pidfile::beside(&way, name);
        let is_there = |aside: &Name| pidfile.id_of(aside.as_c_str()).is_ok();
        if let Some(aside) = pidfile.aside_name().filter(is_there) {
            self.aside(&way, directory, aside.as_c_str(), name.to_bytes());
        }
        self.pidfile(&way, directory, name, named);
        self.record(&way, directory, name.to_bytes());
    }

    /// A link that leads to no pidfile.
    pub(crate) fn link(&mut self, link: &Dangling) {
        let fate = match self.orders.dry_run {
            true => Fate::Removed,
            false => match link.remove() {
                Ok(true) => Fate::Removed,
                Ok(false) => return,
                Err(error) => Fate::LinkLeft(error),
            },
        };
        self.report.tell(&What::Link(link), &fate);
    }

    fn question(&self, named: bool) -> Question {
        question(self.environment, named)
    }

    fn pidfile(&mut self, way: &Way, directory: &Path, name: &CStr, named: bool) {
        let path = directory.join(OsStr::from_bytes(name.to_bytes()));
        let pidfile = Pidfile::beside(way, name);
        let aside = pidfile.aside_name();
        let looked = Looked::of(path, pidfile, self.question(named), &self.around);
        let clear_the_way = |sweeper: &mut Self| {
            if let Some(aside) = aside {
                sweeper.aside(way, directory, aside.as_c_str(), name.to_bytes());
            }
        };
        self.judge(looked, named, clear_the_way);
    }

    /// What is stale is removed, having had the way cleared of what a crash has left under its aside name.
    fn judge(
        &mut self,
        mut looked: Looked<'_>,
        named: bool,
        clear_the_way: impl FnOnce(&mut Self),
    ) {
        if self.orders.before_start {
            own::correct(&mut looked);
        }
        let finding = &looked.finding;
        match finding.reason.class() {
            Class::Stale => self.remove(&looked, clear_the_way),
            Class::Unknown if self.orders.suspect && finding.reason == Reason::Suspect => {
                self.remove(&looked, clear_the_way);
            }
            Class::Unknown => self.report.tell(&What::Pidfile(finding), &Fate::Left(None)),
            Class::Missing if named => self.report.tell(&What::Pidfile(finding), &Fate::Missing),
            Class::Running | Class::Missing => {}
        }
    }

    fn remove(&mut self, looked: &Looked<'_>, clear_the_way: impl FnOnce(&mut Self)) {
        let finding = &looked.finding;
        let (Some(pidfile), Some(pid)) = (&looked.pidfile, finding.pid()) else {
            return;
        };
        let remove = |sweeper: &mut Self| match sweeper.orders.dry_run {
            true => Ok(Removed::Here),
            false => sweeper
                .patiently(|patience| clean::clean_up(pidfile, pid, looked.version, patience)),
        };
        let mut removed = remove(self);
        if removed == Err(Kept::AsideTaken) {
            clear_the_way(self);
            removed = remove(self);
        }
        let fate = match removed {
            Ok(Removed::Here) => {
                self.count(finding);
                Fate::Removed
            }
            Ok(Removed::Meanwhile) => Fate::Removed,
            // Somebody else was first, or it is a new instance's by now.
            Ok(Removed::Before) | Err(Kept::NotHis | Kept::Missing) => return,
            Err(kept) => self.left(kept),
        };
        self.report.tell(&What::Pidfile(finding), &fate);
    }

    fn count(&mut self, finding: &Finding) {
        if !self.orders.dry_run {
            self.tally.count(finding.reason.name());
        }
    }

    /// Something that is stale stays.
    fn left(&mut self, kept: Kept) -> Fate {
        // What has become a new instance's is not stale any more.
        if !matches!(kept, Kept::Missing | Kept::NotHis) {
            self.exit = self.exit.max(Exit::Failed);
        }
        Fate::Left(Some(kept))
    }

    fn patiently<T>(&mut self, wait: impl FnOnce(Duration) -> T) -> T {
        let begun = Instant::now();
        let done = wait(self.patience.min(clean::GUARDS_TIME));
        self.patience = self.patience.saturating_sub(begun.elapsed());
        done
    }

    /// What lies under an aside name: the removal that put it there was interrupted, unless it is under way.
    fn aside(&mut self, way: &Way, directory: &Path, name: &CStr, whole: &[u8]) {
        let path = directory.join(OsStr::from_bytes(name.to_bytes()));
        let Ok(whole_name) = CString::new(whole) else {
            return;
        };
        let (aside, pidfile) = (
            Pidfile::beside(way, name),
            Pidfile::beside(way, &whole_name),
        );
        if self.is_under_way(&aside) {
            return;
        }
        let looked = Looked::of(path, aside, self.question(false), &self.around);
        let (finding, Some(aside)) = (&looked.finding, &looked.pidfile) else {
            return;
        };
        let named = finding.pid().zip(looked.version);
        let fate = match (finding.reason.class(), named) {
            (Class::Missing, _) => return,
            (Class::Stale, Some(_)) if self.orders.dry_run => Fate::Removed,
            (Class::Stale, Some((pid, version))) => {
                match remove::stale(pid, version, aside, Writers::MayWrite) {
                    Ok(()) => {
                        self.count(finding);
                        let _ = remove::orphan_of(&pidfile, is_pidfiles(whole));
                        Fate::Removed
                    }
                    Err(Kept::Missing) => return,
                    Err(kept) => self.left(kept),
                }
            }
            // Only what holds a number is put aside. Whoever gave this that name, it stays.
            (_, None) if finding.reason != Reason::Empty || !is_pidfiles(whole) => Fate::Left(None),
            // A dead one has its name: that goes by itself first, and then this is put back, by the next sweep.
            _ if finding.reason.class() == Class::Running && self.is_stale(way, &whole_name) => {
                Fate::Left(Some(Kept::AsideTaken))
            }
            _ if self.orders.dry_run => Fate::PutBack,
            _ => match remove::put_back(&pidfile, name) {
                Ok(PutBack::InPlace) => Fate::PutBack,
                Ok(PutBack::Overtaken) => Fate::Removed,
                Err(Kept::Missing) => return,
                Err(kept) => Fate::Left(Some(kept)),
            },
        };
        self.report.tell(&What::Aside(finding), &fate);
    }

    fn is_stale(&self, way: &Way, name: &CStr) -> bool {
        let (pidfile, question) = (Pidfile::beside(way, name), self.question(false));
        let looked = Looked::of(std::path::PathBuf::new(), pidfile, question, &self.around);
        looked.finding.reason.class() == Class::Stale
    }

    /// Whether somebody has put this aside just now, and goes on with it while it is waited for, or longer.
    fn is_under_way(&mut self, aside: &Pidfile<'_>) -> bool {
        let is_new = || aside.look().is_ok_and(|look| is_just_changed(&look));
        if !is_new() {
            return false;
        }
        let gone = |patience| changes::until(aside, patience, || aside.look().err().map(drop));
        // Twice, because one turn is shorter than that.
        self.patiently(gone).is_some() || self.patiently(gone).is_some() || is_new()
    }

    /// The record of a pidfile of this name, where there is none.
    fn record(&mut self, way: &Way, directory: &Path, pidfile: &[u8]) {
        let Ok(name) = CString::new(pidfile) else {
            return;
        };
        let whole = Pidfile::beside(way, &name);
        let Some(record) = whole.record_name() else {
            return;
        };
        let is_there = |name: &CStr| whole.id_of(name).is_ok();
        if is_there(&name) || !is_there(record.as_c_str()) {
            return;
        }
        let empty_is_enough = is_pidfiles(pidfile);
        if !remove::is_orphan(&whole, empty_is_enough) {
            // A guard waits for its pidfile, or it is no record.
            return;
        }
        let removed = match self.orders.dry_run {
            true => Ok(()),
            false => remove::orphan_of(&whole, empty_is_enough),
        };
        let fate = match removed {
            Ok(()) => Fate::Removed,
            Err(kept @ Kept::Denied(_)) => self.left(kept),
            Err(_) => return,
        };
        let path = directory.join(OsStr::from_bytes(record.as_c_str().to_bytes()));
        self.report.tell(&What::Record(&path), &fate);
    }
}

/// Whether it was changed just now, or put under this name. A clock that was set back makes it a time to come, and that
/// counts for nothing.
fn is_just_changed(look: &Look) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX));
    (0..UNDER_WAY).contains(&now.saturating_sub(look.changed))
}
