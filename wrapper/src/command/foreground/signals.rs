//! The signals that `run -f` takes in the command's place. The command itself gets what pidward was started with.
//!
//! They are blocked, and read from a signalfd(2): none is lost, also as PID 1, where the kernel discards what has no
//! handler, unless it is blocked. SIGCHLD comes the same way.
#![expect(
    unsafe_code,
    reason = "dispositions, which nix cannot ask for without setting them"
)]

use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::{null, null_mut};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Those that are passed on.
const PASSED_ON: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

/// The signals, ours from its making on.
pub(super) struct Signals {
    fd: SignalFd,
    /// What was blocked before.
    mask: SigSet,
    /// What SIGCHLD did before.
    child: libc::sigaction,
}

/// A signal that has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrived {
    pub(super) signal: Signal,
    /// It is of a terminal (`^C`), which has sent it to the whole process group.
    pub(super) from_terminal: bool,
}

impl Arrived {
    /// Whether it asks the daemon to end.
    pub(super) fn is_to_stop(self) -> bool {
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT].contains(&self.signal)
    }
}

impl Signals {
    /// Takes them.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn take() -> Result<Self, Errno> {
        let mut read: SigSet = PASSED_ON.into_iter().collect();
        read.add(Signal::SIGCHLD);
        let mut mask = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&read), Some(&mut mask))?;
        // Ignored, as we may have inherited it, it would make the kernel reap our children and forget how they ended.
        let child = disposition(Signal::SIGCHLD, Some(libc::SIG_DFL))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&read, flags)?;
        Ok(Self { fd, mask, child })
    }

    /// Gives back, in the process that becomes the command, what we were started with.
    pub(super) fn give_back(&self) {
        // SAFETY: the disposition is one that this process had.
        unsafe { libc::sigaction(libc::SIGCHLD, &raw const self.child, null_mut()) };
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None);
    }

    /// The next one of those to be passed on that has come. Any SIGCHLD before it is forgotten.
    pub(super) fn next(&self) -> Option<Arrived> {
        while let Ok(Some(info)) = self.fd.read_signal() {
            let number = i32::try_from(info.ssi_signo).unwrap_or_default();
            let Ok(signal) = Signal::try_from(number) else {
                continue;
            };
            let from_terminal = info.ssi_code == libc::SI_KERNEL;
            // What a terminal sends is not for who was told to ignore it, as by nohup(1).
            let is_ours = signal != Signal::SIGCHLD && !(from_terminal && is_ignored(signal));
            if is_ours {
                return Some(Arrived {
                    signal,
                    from_terminal,
                });
            }
        }
        None
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn is_ignored(signal: Signal) -> bool {
    disposition(signal, None).is_ok_and(|action| action.sa_sigaction == libc::SIG_IGN)
}

/// What a signal does, and from now on, if it is to change.
fn disposition(signal: Signal, new: Option<usize>) -> Result<libc::sigaction, Errno> {
    // SAFETY: a sigaction is plain numbers, and zeros are such: no flags, an empty mask, SIG_DFL.
    let (mut old, mut action): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    let new = new.map_or(null(), |handler| {
        action.sa_sigaction = handler;
        &raw const action
    });
    // SAFETY: `new` is null or points to a complete action without a handler of ours; `old` is written to.
    let set = unsafe { libc::sigaction(signal as i32, new, &raw mut old) };
    Errno::result(set).map(|_| old)
}
