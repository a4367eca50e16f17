//! Dispositions of signals: what the daemon believes, and what the kernel has.
//!
//! The kernel's table is the truth. Where it has one of our handlers, the daemon is told what it last set itself,
//! which is kept here: SIG_DFL where a stand-in stands, and its own handler where [`stand_in::once`] wraps one
//! with SA_RESETHAND, because the kernel would put the default back without asking us.
#![expect(unsafe_code, reason = "rt_sigaction(2)")]

use core::ffi::c_int;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use libc::{SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIG_DFL, SIG_IGN, sighandler_t};
use pidward_identity::pid::Pid;
use rustix::thread::Timespec;
use syscalls::{Sysno, raw_syscall};

use crate::blocked::Blocked;
use crate::{memory, stand_in, start};

/// Signals are numbered from 1 to 64 (`_NSIG`, include/uapi/asm-generic/signal.h).
const SIGNALS: usize = 64;

/// A disposition as the kernel has it, `struct sigaction` of include/linux/signal_types.h on architectures with
/// SA_RESTORER, which ours are.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disposition {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// What the daemon last set where the kernel has a handler of ours.
struct Believed {
    handler: AtomicUsize,
    flags: AtomicU64,
    restorer: AtomicUsize,
    mask: AtomicU64,
}

static BELIEVED: [Believed; SIGNALS] = [const {
    Believed {
        handler: AtomicUsize::new(SIG_DFL),
        flags: AtomicU64::new(0),
        restorer: AtomicUsize::new(0),
        mask: AtomicU64::new(0),
    }
}; SIGNALS];

/// How often to start anew when other threads set the same disposition all the time: in a daemon's hook nothing
/// may go on for ever.
const TURNS: u32 = 1000;

/// All signals but SIGKILL and SIGSTOP, which the kernel takes out of a mask: what is read back has to equal what
/// was set.
const ALL_THAT_CAN_BE_BLOCKED: u64 = !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1));

/// Whether the daemon's dispositions are virtual.
static ON: AtomicBool = AtomicBool::new(false);

/// How many threads of which process are putting a handler of ours in place just now. Each of them has all signals
/// blocked. A child that is forked meanwhile has the number, and not the threads.
static PUTTING: AtomicU32 = AtomicU32::new(0);
static PUTTING_IN: AtomicI32 = AtomicI32::new(0);

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

fn believed(signal: c_int) -> Option<&'static Believed> {
    BELIEVED.get(usize::try_from(signal).ok()?.checked_sub(1)?)
}

/// What the daemon believes of this signal; `None` while the kernel's dispositions are its own.
pub(crate) fn of(signal: c_int) -> Option<Disposition> {
    if !ON.load(Ordering::Acquire) {
        return None;
    }
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
    old.sa_restorer =
        unsafe { core::mem::transmute::<usize, Option<extern "C" fn()>>(believed.restorer) };
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

fn is_ours(handler: usize) -> bool {
    handler == stand_in::address() || handler == stand_in::once_address()
}

/// The daemon's handler behind [`stand_in::once`].
pub(crate) fn handler_behind_once(signal: c_int) -> usize {
    believed(signal).map_or(SIG_DFL, |believed| believed.handler.load(Ordering::Acquire))
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

/// Whether dispositions are virtual, and what is believed of them is this process's to write.
fn is_writable() -> bool {
    ON.load(Ordering::Acquire) && start::may_act() && !memory::is_borrowed()
}

/// Makes the dispositions virtual, and puts a stand-in wherever the daemon has SIG_DFL and dies of it. Not as
/// PID 1 of a namespace: there the kernel discards signals that have no handler, and would deliver them to ours.
pub(crate) fn put_stand_ins() {
    if Pid::this_process().get() == 1 || memory::is_borrowed() {
        return;
    }
    ON.store(true, Ordering::Release);
    putting(|| (1..=64).for_each(put_ours));
}

/// Gives the kernel the daemon's own dispositions back. `false` when it had them already.
///
/// A child in its parent's memory has a kernel's table of its own, and what is believed is the parent's.
pub(crate) fn withdraw_stand_ins() -> bool {
    if !ON.load(Ordering::Acquire) {
        return false;
    }
    if !memory::is_borrowed() {
        ON.store(false, Ordering::Release);
    }
    for signal in 1..=64 {
        if let Some(ours) = get(signal).filter(|kernel| is_ours(kernel.handler)) {
            let mut daemons = ours;
            as_believed(believed(signal).map(Believed::snapshot), &mut daemons);
            exchange(signal, ours, daemons);
        }
    }
    true
}

/// Puts our handler where the daemon's disposition as the kernel has it now needs one. A child in its parent's
/// memory goes without.
pub(crate) fn settle(signal: c_int) {
    let needs_ours = || get(signal).is_some_and(|daemons| ours_for(daemons).is_some());
    if ends_a_process(signal) && is_writable() && needs_ours() {
        putting(|| put_ours(signal));
    }
}

/// Puts handlers of ours while no signal can interrupt it, and [`was_overtaken`] knows of it.
fn putting(put: impl FnOnce()) {
    let _blocked = Blocked::all();
    let process = Pid::this_process().get();
    if PUTTING_IN.swap(process, Ordering::SeqCst) != process {
        PUTTING.store(0, Ordering::SeqCst);
    }
    PUTTING.fetch_add(1, Ordering::SeqCst);
    put();
    PUTTING.fetch_sub(1, Ordering::SeqCst);
}

fn put_ours(signal: c_int) {
    if !ends_a_process(signal) {
        return;
    }
    for _ in 0..TURNS {
        let Some(daemons) = get(signal) else { return };
        let Some(ours) = ours_for(daemons) else {
            return;
        };
        remember(signal, daemons);
        if exchange(signal, daemons, ours) {
            return;
        }
    }
}

/// Whether the stand-in that runs now for this signal is in place no more: the daemon has set its own handler in
/// just the moment when another thread put the stand-in, and has got it back.
///
/// Waits for the threads that are putting one just now, which takes them a few system calls; a second at the longest.
pub(crate) fn was_overtaken(signal: c_int) -> bool {
    const MILLISECOND: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    for _ in 0..TURNS {
        let putting = PUTTING.load(Ordering::SeqCst) != 0;
        if !putting || PUTTING_IN.load(Ordering::SeqCst) != Pid::this_process().get() {
            break;
        }
        let _ = rustix::thread::nanosleep(&MILLISECOND);
    }
    get(signal).is_some_and(|now| now.handler != stand_in::address())
}

/// Puts the stand-in where [`stand_in::once`] was: its one run is over.
pub(crate) fn once_is_over(signal: c_int) {
    if let Some(once) = get(signal).filter(|kernel| kernel.handler == stand_in::once_address()) {
        exchange(signal, once, stand_in());
    }
}

/// Puts SIG_DFL, for the daemon to die of.
pub(crate) fn put_default(signal: c_int) {
    swap(
        signal,
        &Disposition {
            handler: SIG_DFL,
            ..stand_in()
        },
    );
}

/// Whether the default action ends the process (signal(7)), and we may have a handler. 32 and 33 are the C
/// library's own.
fn ends_a_process(signal: c_int) -> bool {
    use libc::{SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    let stops_or_nothing = matches!(
        signal,
        SIGCHLD | SIGCONT | SIGKILL | SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU | SIGURG | SIGWINCH
    );
    (1..=64).contains(&signal) && !stops_or_nothing && !matches!(signal, 32 | 33)
}

/// Our handler for a disposition of the daemon's; `None` where its own has to stand alone.
fn ours_for(daemons: Disposition) -> Option<Disposition> {
    let resets = daemons.flags & u64::from(SA_RESETHAND.cast_unsigned()) != 0;
    match daemons.handler {
        SIG_DFL => Some(stand_in()),
        SIG_IGN => None,
        handler if is_ours(handler) || !resets => None,
        _ => Some(Disposition {
            handler: stand_in::once_address(),
            flags: daemons.flags & !u64::from(SA_RESETHAND.cast_unsigned()),
            ..daemons
        }),
    }
}

fn remember(signal: c_int, daemons: Disposition) {
    if let Some(believed) = believed(signal) {
        believed.flags.store(daemons.flags, Ordering::Relaxed);
        believed.mask.store(daemons.mask, Ordering::Relaxed);
        believed.restorer.store(daemons.restorer, Ordering::Relaxed);
        believed.handler.store(daemons.handler, Ordering::Release);
    }
}

/// Our stand-in, as the kernel wants it. All signals wait while it runs: no handler of the daemon's comes
/// between a removal and the death that it belongs to.
fn stand_in() -> Disposition {
    let flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    Disposition {
        handler: stand_in::address(),
        flags: u64::from(flags.cast_unsigned()) | stand_in::SA_RESTORER,
        restorer: stand_in::restorer_address(),
        mask: ALL_THAT_CAN_BE_BLOCKED,
    }
}

/// Replaces what is expected by what is wanted, as one step; `false` when another thread has set something in
/// between. That holds then, and has to be looked at anew.
fn exchange(signal: c_int, expected: Disposition, wanted: Disposition) -> bool {
    let Some(mut displaced) = swap(signal, &wanted) else {
        return true;
    };
    if displaced == expected {
        return true;
    }
    // What we displaced is the newer one: put it back. What comes out then is what we put, or newer still.
    for _ in 0..TURNS {
        if displaced.handler == wanted.handler {
            break;
        }
        match swap(signal, &displaced) {
            Some(newer) => displaced = newer,
            None => break,
        }
    }
    false
}

fn get(signal: c_int) -> Option<Disposition> {
    rt_sigaction(signal, ptr::null())
}

fn swap(signal: c_int, new: &Disposition) -> Option<Disposition> {
    rt_sigaction(signal, new)
}

/// Asks for the disposition and, unless `new` is null, sets it; `None` for a signal that has none.
fn rt_sigaction(signal: c_int, new: *const Disposition) -> Option<Disposition> {
    let mut old = Disposition {
        handler: SIG_DFL,
        flags: 0,
        restorer: 0,
        mask: 0,
    };
    // SAFETY: the kernel reads one disposition, or none when `new` is null, and writes another; the handlers that
    // we set are functions of the type that the flags say, and the others were the daemon's own.
    let answer = unsafe {
        raw_syscall!(
            Sysno::rt_sigaction,
            signal,
            new,
            &raw mut old,
            size_of::<u64>()
        )
    };
    (answer == 0).then_some(old)
}
