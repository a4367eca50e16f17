//! What the guard waits for: a pidfile that names a process, what becomes of it, that process's death.
//!
//! Each wait is for changes and a death at once, and after each the pidfile is looked at anew; there is no
//! picture of it that could be wrong. While an owner lives and nothing happens to his pidfile, nothing wakes the
//! guard.

use pidward_identity::pid::{NotAPid, Pid};
use pidward_identity::pidfile::{Look, NoLook};
use pidward_identity::remove::{self, Kept, Writers};
use rustix::fd::AsFd;

use crate::death;
use crate::guard::{End, Guard, Last};
use crate::hand_over::{self, Doubt, Named, Now, Owner, Version};
use crate::known;
use crate::line::Shown;
use crate::patience::{Moment, Patience, TICK, WRITING};
use crate::record::Locked;
use crate::syslog::{self, Severity};

/// A descriptor that a child inherited from the dead process is written to within this time, in milliseconds, or
/// never: cron writes its PID, forks, ends, and the child writes its own.
const INHERITED: u32 = 500;

/// How following an owner ended.
enum Over {
    /// Another has the pidfile now.
    Passed(Owner),
    /// The owner removed it.
    Removed,
    /// The owner is dead.
    Dead,
}

/// What came after an owner's death.
enum AfterDeath {
    /// Another has the pidfile now.
    Passed(Owner),
    /// The pidfile was removed.
    Cleared,
    /// It was gone before.
    Gone,
    /// It is not his, and no other process came.
    NobodyCame(Option<Version>),
    /// It stays.
    Left(Kept),
}

impl Guard<'_> {
    /// From the wait for an owner to the end of the last one.
    pub(crate) fn watch_over(&mut self, record: &mut Locked, patience: Patience) -> End {
        let mut owner = match self.wait_for_owner(patience) {
            Ok(owner) => owner,
            Err(last) => return End::NobodyCame(last),
        };
        // Who handed over, lives on, and has his own pidfile elsewhere: when the new process fails, nginx moves
        // it back.
        let mut previous: Option<Owner> = None;
        loop {
            let after = match self.follow(&mut owner, record) {
                Over::Passed(new) => {
                    previous =
                        Some(core::mem::replace(&mut owner, new)).filter(Owner::file_was_moved);
                    // What he has elsewhere may go at any time, and with it the file.
                    previous.iter_mut().for_each(Owner::close_file);
                    continue;
                }
                Over::Removed => return End::Gone(owner),
                Over::Dead => {
                    owner.close_file();
                    self.after_death(&owner)
                }
            };
            let back = previous.take().filter(|previous| !previous.is_dead());
            match (after, back) {
                (AfterDeath::Passed(new), _) => owner = new,
                (AfterDeath::Cleared, None) => return End::Cleared(owner),
                (AfterDeath::Gone, None) => return End::Gone(owner),
                (AfterDeath::Cleared, Some(back)) => {
                    let dead = core::mem::replace(&mut owner, back);
                    death::tell_removed(self.request.path, &dead, 0, self.environment);
                }
                (AfterDeath::Gone, Some(back)) => owner = back,
                (AfterDeath::NobodyCame(last), _) => return End::NobodyCame(Last::Seen(last)),
                (AfterDeath::Left(kept), _) => return End::Left(owner, kept),
            }
        }
    }

    /// Waits until the pidfile names a process; `Err` when none came. One that was dead before it was found
    /// counts, when the pidfile is no older than this guard: it was meant, and lived shortly.
    fn wait_for_owner(&mut self, mut patience: Patience) -> Result<Owner, Last> {
        let mut doubts = Doubts::default();
        let mut has_waited = false;
        loop {
            self.watch.directory(&self.pidfile);
            self.watch.drain();
            let look = self.pidfile.look();
            let unasked = matches!(look, Err(NoLook::Unreadable(_))).then_some(Doubt::Unasked);
            let look = look.ok();
            let version = look.as_ref().map(Version::from);
            let is_empty = look.as_ref().is_some_and(is_empty);
            let is_new = look
                .as_ref()
                .is_some_and(|look| look.changed >= self.started);
            let vouched = self.request.vouched;
            let named = look.map(|look| hand_over::named(&self.pidfile, look, vouched));
            let doubt = match named {
                Some(Named::Owner(owner)) => return Ok(owner),
                Some(Named::Dead(owner)) if is_new => return Ok(owner),
                Some(Named::Doubtful(doubt)) => Some(doubt),
                Some(Named::Dead(_) | Named::Nobody) | None => unasked,
            };
            let pause = doubts.pause(doubt, self);
            if patience.wait(&self.watch, pause) {
                continue;
            }
            // What is empty another instance may be about to write, whose own guard has found this one at work.
            if !is_empty || core::mem::replace(&mut has_waited, true) {
                return Err(match unasked {
                    Some(_) => Last::Unread,
                    None => Last::Seen(version),
                });
            }
            patience = Patience::new(None, WRITING / 1000);
        }
    }

    /// Keeps the record true while the owner lives and has the pidfile, or may get it back.
    fn follow(&mut self, owner: &mut Owner, record: &mut Locked) -> Over {
        if owner.is_dead() {
            return Over::Dead;
        }
        let mut doubts = Doubts::default();
        self.watch.file(owner);
        loop {
            self.watch.drain();
            let now = hand_over::now(&self.pidfile, owner);
            let (mut settled, mut doubt) = (false, None);
            let newly_watched = match now {
                Now::Passed(new) => return Over::Passed(new),
                Now::Removed if !self.request.named => return Over::Removed,
                Now::His(look) => {
                    settled = true;
                    owner.still_has(look);
                    if record.write(owner) {
                        known::remember(self.request.path, self.environment);
                    }
                    self.watch.file(owner)
                }
                Now::Removed | Now::Moved => {
                    record.clear();
                    known::forget(self.request.path, self.environment);
                    self.watch.directory(&self.pidfile)
                }
                Now::Between(why) => {
                    doubt = why;
                    self.watch.directory(&self.pidfile)
                }
            };
            // What happened before it was watched has to be looked for.
            if newly_watched {
                continue;
            }
            let tick = (!settled && !self.watch.is_armed()).then_some(TICK);
            let pause = doubts.pause(doubt, self).or(tick);
            self.watch.wait(owner.pidfd().map(AsFd::as_fd), pause);
            if owner.is_dead() {
                return Over::Dead;
            }
        }
    }

    /// Removes the pidfile, or waits for what hinders that: a new instance is writing it, or somebody holds a
    /// lock on it, be it that new instance or what the dead one left behind.
    fn after_death(&mut self, owner: &Owner) -> AfterDeath {
        // However little was to be waited for a pidfile: this one is there.
        let mut patience = Patience::new(None, self.request.timeout.max(WRITING / 1000));
        let inherited = Moment::in_milliseconds(INHERITED);
        let mut doubts = Doubts::default();
        let mut retry = 10;
        loop {
            let look = self.pidfile.look().ok();
            let version = look.as_ref().map(Version::from);
            let is_empty = look.as_ref().is_some_and(is_empty);
            // As it was when last looked at, the file is the dead one's, whoever may have his number by now.
            let as_before = version == Some(owner.version);
            let named = match look.filter(|_| !as_before) {
                Some(look) => hand_over::named(&self.pidfile, look, None),
                None => Named::Nobody,
            };
            let (pause, end) = match named {
                Named::Owner(new) => return AfterDeath::Passed(new),
                Named::Doubtful(doubt) => (
                    doubts.pause(Some(doubt), self),
                    AfterDeath::NobodyCame(version),
                ),
                Named::Dead(_) | Named::Nobody => match self.remove(owner.pid, inherited) {
                    Ok(()) => return AfterDeath::Cleared,
                    Err(Kept::Missing) => return AfterDeath::Gone,
                    Err(Kept::NotHis) => {
                        if !is_empty {
                            patience.at_most(WRITING);
                        }
                        (None, AfterDeath::NobodyCame(version))
                    }
                    Err(Kept::Open) => {
                        (Some(inherited.left().max(1)), AfterDeath::Left(Kept::Open))
                    }
                    Err(Kept::Locked) => {
                        // No event comes when a lock goes.
                        retry = TICK.min(retry * 2);
                        (Some(retry), AfterDeath::Left(Kept::Locked))
                    }
                    Err(kept) => return AfterDeath::Left(kept),
                },
            };
            if self.watch.directory(&self.pidfile) {
                continue;
            }
            if !patience.wait(&self.watch, pause) {
                return end;
            }
            self.watch.drain();
        }
    }

    /// Removes the pidfile of a dead process. Who else has it open for writing may write it until `inherited`.
    fn remove(&self, dead: Pid, inherited: Moment) -> Result<(), Kept> {
        let writers = if inherited.has_passed() {
            Writers::HadTheirTime
        } else {
            Writers::MayWrite
        };
        remove::pidfile_of(dead, &self.pidfile, writers)
    }
}

fn is_empty(look: &Look) -> bool {
    look.pid == Err(NotAPid::Empty)
}

/// A doubtful pidfile is looked at again, at longer and longer intervals, as nothing tells when a process changes its rights,
/// or there is memory again; when it stays untrusted, that is said to the log, once.
struct Doubts {
    pause: u32,
    said: bool,
}

impl Default for Doubts {
    fn default() -> Self {
        Self {
            pause: 10,
            said: false,
        }
    }
}

impl Doubts {
    /// After how many milliseconds to look again, if at all.
    fn pause(&mut self, doubt: Option<Doubt>, guard: &Guard<'_>) -> Option<u32> {
        const LONGEST: u32 = 5000;
        let doubt = doubt?;
        self.pause *= 2;
        if self.pause < LONGEST {
            return Some(self.pause);
        }
        self.pause = LONGEST;
        if let Doubt::Untrusted(pid) = doubt
            && !self.said
        {
            self.said = true;
            let path = guard.request.path;
            let (shown, pid) = (Shown(path.to_bytes()), pid.get());
            syslog::say(
                Severity::Warning,
                path,
                &[("VERDICT", &"untrusted")],
                format_args!(
                    "not guarding {shown}: who can write it has not the rights of PID {pid}, which it names"
                ),
            );
        }
        None
    }
}
