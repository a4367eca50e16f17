//! The processes in PID namespaces below ours, `pid_namespaces(7)`: we see them, and their numbers there.

use rustix::io::Errno;

use crate::pid::Pid;
use crate::process::{self, PidNs, ProcDir};

/// Whether there is one of whom something is asked, among the processes in PID namespaces below ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Below {
    /// All were asked, and it is none of them.
    Nobody,
    /// It is one of them.
    Somebody,
    /// They could not be listed, or not be told from others, and this is why.
    Untold(Errno),
}

/// Whether a process of a namespace below ours goes by this number there.
#[must_use]
pub fn goes_by(number: Pid) -> Below {
    any(|process| {
        let is_it = |it| u64::try_from(number.get()) == Ok(it);
        // The first one is its number here.
        process
            .numbers(|numbers| numbers.skip(1).any(is_it))
            .unwrap_or(false)
    })
}

/// Who is left in a PID namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// Nobody: it is below ours, and we see all that is below ours.
    Nobody,
    /// We see nobody, which proves nothing.
    Unseen,
    /// Somebody lives there, or in one that we may not know to be another.
    Somebody,
}

/// Who is left in the namespace.
#[must_use]
pub fn left_in(namespace: PidNs) -> Left {
    let lives_there = |process: &ProcDir| process.pid_namespace().is_none_or(|it| it == namespace);
    Left::when(any(lives_there) != Below::Nobody)
}

impl Left {
    /// Who is left, when all that we see have been looked at, and one of them may live there or none does.
    #[must_use]
    pub fn when(somebody: bool) -> Self {
        if somebody {
            Self::Somebody
        } else if PidNs::current() == Some(PidNs::FIRST) && sees_all() {
            Self::Nobody
        } else {
            Self::Unseen
        }
    }
}

/// Whether this holds of any living process below.
pub fn any(mut holds: impl FnMut(&ProcDir) -> bool) -> Below {
    let mut found = Below::Nobody;
    let listed = process::each(|_, process| {
        let is_below = process.numbers(|numbers| numbers.nth(1).is_some());
        let is_dead = || process.stat(|stat| stat.is_dead()) == Some(true) || process.is_gone();
        found = match is_below {
            Some(is_below) if is_below && !is_dead() && holds(&process) => Below::Somebody,
            None if !process.is_gone() => Below::Untold(process.refusal()),
            Some(_) | None => Below::Nobody,
        };
        found == Below::Nobody
    });
    match (found, listed) {
        (Below::Nobody, Err(error)) => Below::Untold(error),
        (found, _) => found,
    }
}

/// Whether /proc hides nobody from us (proc(5), hidepid): the first process is another user's.
fn sees_all() -> bool {
    let first = Pid::new(1).and_then(|pid| ProcDir::open(pid).ok());
    first.is_some_and(|first| first.numbers(|_| ()).is_some())
}
