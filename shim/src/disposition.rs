//! Dispositions of signals: what the daemon believes of them.
//!
//! The kernel's table is the truth. Where it has one of our handlers, the daemon is told what it last set itself,
//! which is kept here: SIG_DFL where a stand-in stands, and its own handler where [`stand_in::once`] wraps one
//! with SA_RESETHAND, because the kernel would put the default back without asking us.
#![expect(unsafe_code, reason = "dispositions of the C library")]

use core::ffi::c_int;

use libc::{SA_RESTART, SIG_DFL, sighandler_t};

use crate::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::{memory, stand_in, start};

/// Signals are numbered from 1 to 64 (`_NSIG`, include/uapi/asm-generic/signal.h).
const SIGNALS: usize = 64;

/// A disposition, with what the kernel has of it (rt_sigaction(2)).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// The handler's address, SIG_DFL or SIG_IGN.
    pub(crate) handler: usize,
    /// `SA_…` of sigaction(2).
    pub(crate) flags: u64,
    /// Where a handler returns to.
    pub(crate) restorer: usize,
    /// The signals that wait meanwhile, the first of them in the lowest bit.
    pub(crate) mask: u64,
}

impl Disposition {
    /// What a program begins with, unless its parent ignored the signal.
    pub(crate) const DEFAULT: Self = Self {
        handler: SIG_DFL,
        flags: 0,
        restorer: 0,
        mask: 0,
    };
}

/// What the daemon last set where the kernel has a handler of ours.
struct Believed {
    handler: AtomicUsize,
    flags: AtomicU64,
    restorer: AtomicUsize,
    mask: AtomicU64,
    /// The last handler that one of ours has stood for.
    called_once: AtomicUsize,
}

static BELIEVED: [Believed; SIGNALS] = [const {
    Believed {
        handler: AtomicUsize::new(SIG_DFL),
        flags: AtomicU64::new(0),
        restorer: AtomicUsize::new(0),
        mask: AtomicU64::new(0),
        called_once: AtomicUsize::new(SIG_DFL),
    }
}; SIGNALS];

/// Whether the daemon's dispositions are virtual.
static ON: AtomicBool = AtomicBool::new(false);

impl Believed {
    fn snapshot(&self) -> Disposition {
        Disposition {
            handler: self.handler.load(Ordering::Acquire),
            flags: self.flags.load(Ordering::Relaxed),
            restorer: self.restorer.load(Ordering::Relaxed),
            mask: self.mask.load(Ordering::Relaxed),
        }
    }
}

/// The signal's bit in a mask; none for what is no signal.
pub(crate) fn bit(signal: c_int) -> u64 {
    let lowest_is_0 = |signal: u32| signal.checked_sub(1);
    let place = u32::try_from(signal).ok().and_then(lowest_is_0);
    place
        .and_then(|place| 1_u64.checked_shl(place))
        .unwrap_or_default()
}

fn believed(signal: c_int) -> Option<&'static Believed> {
    BELIEVED.get(usize::try_from(signal).ok()?.checked_sub(1)?)
}

/// What the daemon last set where the kernel has a handler of ours. Where it has none this means nothing: ask, then look
/// whether what the kernel hands out [`is_ours`]. Another thread may put the first stand-in meanwhile, or take the last away.
pub(crate) fn last_set(signal: c_int) -> Option<Disposition> {
    believed(signal).map(Believed::snapshot)
}

/// Changes what the kernel had into what the daemon believed it to have.
pub(crate) fn as_believed(believed: Option<Disposition>, old: &mut Disposition) {
    if let Some(believed) = believed.filter(|_| is_ours(old.handler)) {
        *old = Disposition {
            handler: handler_as_believed(Some(believed), old.handler),
            ..believed
        };
    }
}

/// The same for a disposition as the C library hands it out.
pub(crate) fn action_as_believed(believed: Option<Disposition>, old: &mut libc::sigaction) {
    let Some(believed) = believed.filter(|_| is_ours(old.sa_sigaction)) else {
        return;
    };
    old.sa_sigaction = handler_as_believed(Some(believed), old.sa_sigaction);
    // The kernel's flags are those of an int (`sa_flags` of sigaction(2)), kept in a long.
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is 0")]
    let flags = believed.flags as c_int;
    old.sa_flags = flags;
    // SAFETY: an address the C library itself has set, or 0 for none.
    #[cfg(not(target_arch = "riscv64"))]
    unsafe {
        old.sa_restorer = core::mem::transmute::<usize, Option<extern "C" fn()>>(believed.restorer);
    };
    // SAFETY: the kernel's mask, 64 signals, is the first part of the C library's.
    unsafe { (&raw mut old.sa_mask).cast::<u64>().write(believed.mask) };
}

/// The same for the handler alone, as signal(2) hands it out.
pub(crate) fn handler_as_believed(
    believed: Option<Disposition>,
    old: sighandler_t,
) -> sighandler_t {
    match believed {
        Some(_) if old == stand_in::address() => SIG_DFL,
        Some(believed) if old == stand_in::once_address() => believed.handler,
        _ => old,
    }
}

/// Whether a handler is one of ours.
pub(crate) fn is_ours(handler: usize) -> bool {
    handler == stand_in::address() || handler == stand_in::once_address()
}

/// The daemon's handler behind [`stand_in::once`]. Not what it believes: when several signals come at the same moment, the handler
/// of one may have set another's disposition anew before that one's handler has begun, and it is called all the same.
pub(crate) fn handler_behind_once(signal: c_int) -> usize {
    believed(signal).map_or(SIG_DFL, |believed| {
        believed.called_once.load(Ordering::Acquire)
    })
}

/// The daemon wants the signal to interrupt system calls, or to restart them (siginterrupt(3)); the C library
/// has changed that of our handler.
pub(crate) fn interrupts(signal: c_int, interrupt: bool) {
    let restart = u64::from(SA_RESTART.cast_unsigned());
    if !is_writable() {
        return;
    }
    if let Some(believed) = believed(signal) {
        if interrupt {
            believed.flags.fetch_and(!restart, Ordering::Relaxed);
        } else {
            believed.flags.fetch_or(restart, Ordering::Relaxed);
        }
    }
}

/// The daemon's disposition is this, and one of ours takes its place.
pub(crate) fn remember(signal: c_int, daemons: Disposition) {
    if let Some(believed) = believed(signal) {
        believed.flags.store(daemons.flags, Ordering::Relaxed);
        believed.mask.store(daemons.mask, Ordering::Relaxed);
        believed.restorer.store(daemons.restorer, Ordering::Relaxed);
        if daemons.handler != SIG_DFL {
            believed
                .called_once
                .store(daemons.handler, Ordering::Release);
        }
        believed.handler.store(daemons.handler, Ordering::Release);
    }
}

/// Whether dispositions are virtual, and what is believed of them is this process's to write.
pub(crate) fn is_writable() -> bool {
    is_on() && start::may_act() && !memory::is_borrowed()
}

/// Dispositions are virtual from now on. Gives whether they were not before: then none of ours is in place.
pub(crate) fn switch_on() -> bool {
    !ON.swap(true, Ordering::AcqRel)
}

/// The daemon is told what the kernel has from now on.
pub(crate) fn switch_off() {
    ON.store(false, Ordering::Release);
}

/// Whether dispositions are virtual.
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Acquire)
}
