//! Puts our handlers where the daemon's dispositions need one, and takes them away; other threads may be at the
//! same signal at any moment, and what they set is never lost.

use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use libc::{SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIG_DFL, SIG_IGN};
use pidward_identity::pid::Pid;
use rustix::thread::Timespec;

use crate::blocked::Blocked;
use crate::disposition::{self, is_ours};
use crate::kernel::{Disposition, get, swap};
use crate::{memory, stand_in};

/// How often to start anew when other threads set the same disposition all the time: in a daemon's hook nothing
/// may go on for ever.
const TURNS: u32 = 1000;

/// All signals but SIGKILL and SIGSTOP, which the kernel takes out of a mask: what is read back has to equal what
/// was set.
const ALL_THAT_CAN_BE_BLOCKED: u64 = !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1));

/// How many threads of which process are putting a handler of ours in place just now. Each of them has all signals
/// blocked. A child that is forked meanwhile has the number, and not the threads.
static PUTTING: AtomicU32 = AtomicU32::new(0);
static PUTTING_IN: AtomicI32 = AtomicI32::new(0);

/// Makes the dispositions virtual, and puts a stand-in wherever the daemon has SIG_DFL and dies of it. Not as
/// PID 1 of a namespace: there the kernel discards signals that have no handler, and would deliver them to ours.
pub(crate) fn put_stand_ins() {
    if Pid::this_process().get() == 1 || memory::is_borrowed() {
        return;
    }
    disposition::switch_on();
    putting(|| {
        // Nobody sets one meanwhile, and no signal comes: what is displaced can be put back unseen. Most are SIG_DFL.
        let alone = memory::has_dispositions_alone();
        for signal in 1..=64 {
            put_ours(signal, alone.then_some(Disposition::DEFAULT));
        }
    });
}

/// Gives the kernel the daemon's own dispositions back. `false` when it had them already.
///
/// A child in its parent's memory has a kernel's table of its own, and what is believed is the parent's.
pub(crate) fn withdraw_stand_ins() -> bool {
    if !disposition::is_on() {
        return false;
    }
    if !memory::is_borrowed() {
        disposition::switch_off();
    }
    for signal in 1..=64 {
        if let Some(ours) = get(signal).filter(|kernel| is_ours(kernel.handler)) {
            let mut daemons = ours;
            disposition::as_believed(disposition::last_set(signal), &mut daemons);
            exchange(signal, ours, daemons);
        }
    }
    true
}

/// Puts our handler where the daemon's disposition as the kernel has it now needs one. A child in its parent's
/// memory goes without.
pub(crate) fn settle(signal: c_int) {
    let needs_ours = || get(signal).is_some_and(|daemons| ours_for(daemons).is_some());
    if ends_a_process(signal) && disposition::is_writable() && needs_ours() {
        putting(|| put_ours(signal, None));
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

/// Puts our handler where the daemon's disposition needs one: what it is expected to be, or else what the kernel says.
fn put_ours(signal: c_int, mut expected: Option<Disposition>) {
    if !ends_a_process(signal) {
        return;
    }
    for _ in 0..TURNS {
        let Some(daemons) = expected.take().or_else(|| get(signal)) else {
            return;
        };
        let Some(ours) = ours_for(daemons) else {
            return;
        };
        disposition::remember(signal, daemons);
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
        // With SA_RESETHAND as well: a second signal that the kernel delivers before the handler has begun ends the
        // process, as it would without us.
        _ => Some(Disposition {
            handler: stand_in::once_address(),
            ..daemons
        }),
    }
}

/// Our stand-in, as the kernel wants it. All signals wait while it runs: no handler of the daemon's comes
/// between a removal and the death that it belongs to.
fn stand_in() -> Disposition {
    let flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    Disposition {
        handler: stand_in::address(),
        flags: u64::from(flags.cast_unsigned()) | stand_in::SA_RESTORER,
        #[cfg(not(target_arch = "riscv64"))]
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
