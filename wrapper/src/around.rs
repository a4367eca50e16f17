//! What is around many pidfiles, remembered for a moment: to ask anew for each would be a look at every process for each.
//!
//! An older answer is as good as a new one for a pidfile that was not changed since before it: whoever it means, and sees
//! it, was there already when it was written.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use pidward_identity::Errno;
use pidward_identity::below::{self, Below, Left};
use pidward_identity::evidence::Around;
use pidward_identity::mount::{self, Own, Spot};
use pidward_identity::pid::Pid;
use pidward_identity::pidfile::{Look, Pidfile};
use pidward_identity::process::{PidNs, Proc, ProcDir};

/// For how long it is remembered. Within that, nobody has stepped the clock for long enough to matter.
const MOMENT: Duration = Duration::from_secs(1);

/// A file's times lag behind the clock, and count whole seconds here.
const MARGIN: i64 = 2;

/// What is around, asked when it is needed.
#[derive(Default, Debug)]
pub(crate) struct Remembered {
    proc: OnceCell<Option<Proc>>,
    below: RefCell<Option<Seen>>,
}

/// What was seen of the processes in PID namespaces below ours.
#[derive(Debug)]
struct Seen {
    at: Instant,
    /// The same by the clock of files, in seconds since the epoch.
    day: i64,
    /// They could not be listed, and why.
    unlisted: Option<Errno>,
    /// Of some, more than their numbers was not to be seen: they may have anything mounted, and live anywhere.
    unseen: bool,
    /// The numbers that they go by there.
    numbers: BTreeSet<u64>,
    namespaces: BTreeSet<u64>,
    /// Device and root of what they have mounted.
    mounted: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// The last directory that was asked for, and whether it is shared.
    last: Option<(Spot, bool)>,
}

impl Seen {
    fn now() -> Self {
        let mut below = Self {
            at: Instant::now(),
            day: since_epoch(),
            unlisted: None,
            unseen: false,
            numbers: BTreeSet::new(),
            namespaces: BTreeSet::new(),
            mounted: BTreeSet::new(),
            last: None,
        };
        let any = below::any(|process| {
            below.add(process);
            false
        });
        if let Below::Untold(why) = any {
            below.unlisted = Some(why);
            below.unseen = true;
        }
        below
    }

    fn add(&mut self, process: &ProcDir) {
        // The first one is its number here.
        if process
            .numbers(|it| self.numbers.extend(it.skip(1)))
            .is_none()
        {
            // It has ended, or it cannot be told.
            if !process.is_gone() {
                self.unlisted = Some(process.refusal());
            }
            return;
        }
        match process.pid_namespace() {
            Some(namespace) => {
                self.namespaces.insert(namespace.0);
            }
            None => self.unseen = true,
        }
        let is_known = mount::each_of(process, |device, root| {
            self.mounted.insert((device.to_vec(), root.to_vec()));
            true
        });
        self.unseen |= !is_known;
    }

    /// Whether it is as good as a new one for this pidfile.
    fn is_good_for(&self, look: &Look) -> bool {
        self.at.elapsed() < MOMENT && look.changed.saturating_add(MARGIN) <= self.day
    }

    fn sees(&self, own: &Own) -> bool {
        let mut mounted = self.mounted.iter();
        self.unseen || mounted.any(|(device, root)| own.is_seen_through(device, root))
    }

    fn is_shared(&mut self, pidfile: &Pidfile<'_>, spot: Spot) -> bool {
        match self.last {
            Some((last, is_shared)) if last == spot => is_shared,
            _ => {
                let sees = |own: &Own| self.sees(own);
                let is_shared = mount::is_shared_where(pidfile.directory(), sees);
                self.last = Some((spot, is_shared));
                is_shared
            }
        }
    }
}

impl Remembered {
    fn ask<T>(&self, look: &Look, question: impl FnOnce(&mut Seen) -> T) -> T {
        let mut remembered = self.below.borrow_mut();
        if !remembered.as_ref().is_some_and(|it| it.is_good_for(look)) {
            *remembered = None;
        }
        question(remembered.get_or_insert_with(Seen::now))
    }
}

impl Around for Remembered {
    fn proc(&self) -> Option<&Proc> {
        self.proc.get_or_init(|| Proc::open().ok()).as_ref()
    }

    fn is_shared(&self, pidfile: &Pidfile<'_>, look: &Look) -> bool {
        match Spot::of(pidfile.directory()) {
            Some(spot) if !spot.has_mount_of(look.file()) => true,
            Some(spot) => self.ask(look, |below| below.is_shared(pidfile, spot)),
            None => mount::is_shared(pidfile, look),
        }
    }

    fn goes_by(&self, number: Pid, look: &Look) -> Below {
        let number = u64::try_from(number.get());
        self.ask(look, |below| {
            let is_there = number.is_ok_and(|it| below.numbers.contains(&it));
            match below.unlisted {
                _ if is_there => Below::Somebody,
                Some(why) => Below::Untold(why),
                None => Below::Nobody,
            }
        })
    }

    fn left_in(&self, namespace: PidNs, look: &Look) -> Left {
        Left::when(self.ask(look, |below| {
            below.unseen || below.namespaces.contains(&namespace.0)
        }))
    }
}

fn since_epoch() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX))
}
