//! One guard for a pidfile, from locking its record to leaving: never two, and never none.
//!
//! A guard that finds another at work leaves; so the one at work must not overlook, when it leaves in turn, what
//! the other was started for. Hence the order at the end: the record goes first, or at least its lock, then comes
//! one more look at the pidfile. Who came before found the record locked, and his pidfile is seen by that look;
//! who comes later finds none, or none that is locked.

use pidward_identity::pid::Pid;
use pidward_identity::pidfd::PidFd;
use pidward_identity::pidfile::Pidfile;
use pidward_identity::remove::Kept;
use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::arguments::{Environment, Request};
use crate::death;
use crate::hand_over::{self, Named, Owner, Version};
use crate::known;
use crate::patience::{Moment, Patience, REAPING, WRITING};
use crate::record::{self, Held, Locked, Taken};
use crate::watch::Watch;

/// For how long a guard that the user asked for bears with another that guards a living process, in
/// milliseconds: that may be an instance which is just about to die.
const STAND_BY: u32 = 500;

/// A daemon that removes its pidfile to write it anew does so within this time, in milliseconds.
const ANEW: u32 = 250;

/// How a guarding ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The pidfile of a dead owner was removed.
    Cleared(Owner),
    /// The owner removed it himself, or it was gone when he died.
    Gone(Owner),
    /// No process came.
    NobodyCame(Last),
    /// The pidfile of a dead owner stays, and the record with it: it proves that the file is stale.
    Left(Owner, Kept),
}

/// The pidfile, when nobody had come for it.
#[derive(Debug)]
pub(crate) enum Last {
    /// As it was seen, if it was there.
    Seen(Option<Version>),
    /// It could not be read to the end of the waiting: what it cannot look at the guard cannot guard, however often it begins
    /// anew.
    Unread,
}

/// A guard: what it was asked for, and what it looks at.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    pub(crate) request: Request,
    pub(crate) environment: Environment,
    pub(crate) pidfile: Pidfile<'a>,
    pub(crate) watch: Watch,
    /// When it was started, or shortly before, in seconds since the epoch: a pidfile that has changed since is not
    /// one that an earlier instance left behind.
    pub(crate) started: i64,
}

impl Guard<'_> {
    /// Guards the pidfile that the writer is to write, or that is there already.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub(crate) fn live(mut self, writer: Option<PidFd>) -> Result<(), Errno> {
        // A kernel without pidfd, or a seccomp filter that forbids it.
        PidFd::open(Pid::this_process())?;
        let mut patience = Patience::new(writer, self.request.timeout);
        let mut taken = self.take_or_stand_by(&mut patience)?;
        while let Some(mut record) = taken {
            let end = self.watch_over(&mut record, patience);
            if !matches!(end, End::Left(..)) {
                record.unlink(&self.pidfile);
                known::forget(self.request.path, self.environment);
            }
            drop(record);
            let again = self.is_wanted_again(&end);
            // What came anew is there: it is written soon, or gone again.
            patience = Patience::new(None, WRITING / 1000);
            let next = if again {
                record::take(&self.pidfile).map(Taken::locked)
            } else {
                Ok(None)
            };
            match end {
                // Last of all, as it may take a while to learn the cause; with a daemon to guard, no while.
                End::Cleared(owner) => {
                    let milliseconds = if again { 0 } else { REAPING };
                    death::tell_removed(self.request.path, &owner, milliseconds, self.environment);
                }
                End::Left(owner, kept) => death::say_left(self.request.path, &owner, kept),
                End::Gone(_) | End::NobodyCame(_) => {}
            }
            taken = next?;
        }
        Ok(())
    }

    /// Locks the record; `None` when another guard has it and keeps it.
    ///
    /// A guard of the shim's leaves at once: its pidfile was there before it, so the other one sees it. A guard
    /// that the user asked for comes before its daemon has written anything, and the other may belong to an
    /// instance that is dying. It stands by while the pidfile names nobody alive, and a moment if it does.
    fn take_or_stand_by(&mut self, patience: &mut Patience) -> Result<Option<Locked>, Errno> {
        let until = Moment::in_milliseconds(STAND_BY);
        loop {
            match record::take(&self.pidfile)? {
                Taken::Locked(record) => return Ok(Some(record)),
                Taken::Held(held) => {
                    if !self.request.named || !self.stand_by(&held, until, patience) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Waits for the other guard's end. `false` when it is there to stay, or nobody is to come any more.
    fn stand_by(&mut self, held: &Held, until: Moment, patience: &mut Patience) -> bool {
        self.watch.record(held.file());
        loop {
            self.watch.drain();
            let look = self.pidfile.look().ok();
            let vouched = self.request.vouched;
            let named = look.map(|look| hand_over::named(&self.pidfile, look, vouched));
            let owned = matches!(named, Some(Named::Owner(_)));
            // The order matters: while it still holds its record, the other has its last look yet to come, and
            // will see the owner that was seen here.
            if !held.still_keeps_out(&self.pidfile) {
                return true;
            }
            if owned && until.has_passed() {
                return false;
            }
            let pause = if owned { until.left() } else { STAND_BY };
            if !patience.wait(&self.watch, Some(pause)) {
                return false;
            }
        }
    }

    /// Whether there is a pidfile again, for which another guard may have come and found the record locked. By
    /// now it would not.
    fn is_wanted_again(&mut self, end: &End) -> bool {
        let version = |pidfile: &Pidfile<'_>| pidfile.look().as_ref().ok().map(Version::from);
        let before = match end {
            End::NobodyCame(Last::Unread) => return false,
            End::NobodyCame(Last::Seen(before)) => *before,
            End::Cleared(_) => None,
            End::Left(owner, _) => Some(owner.version),
            End::Gone(owner) => {
                let until = Moment::in_milliseconds(ANEW);
                self.watch.directory(&self.pidfile);
                self.watch.drain();
                while version(&self.pidfile).is_none() && !until.has_passed() && !owner.is_dead() {
                    self.watch
                        .wait(owner.pidfd().map(AsFd::as_fd), Some(until.left()));
                    self.watch.drain();
                }
                None
            }
        };
        let now = version(&self.pidfile);
        now.is_some() && now != before
    }
}
