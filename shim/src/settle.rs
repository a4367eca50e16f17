//! Puts our handlers where the daemon's dispositions need one, and takes them away; other threads may be at the
//! same signal at any moment, and what they set is never lost.

use core::ffi::c_int;

use libc::{SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIG_DFL, SIG_IGN};
use pidward_identity::pid::Pid;

use crate::atomic::{AtomicU64, Ordering::SeqCst};
use crate::blocked::Blocked;
use crate::disposition::{self, Disposition, bit, is_ours};
use crate::kernel::{get, pause, swap};
use crate::{memory, stand_in};

/// How often to start anew when other threads set the same disposition all the time: in a daemon's hook nothing
/// may go on for ever.
const TURNS: u32 = 1000;

/// All signals but SIGKILL and SIGSTOP, which the kernel takes out of a mask: what is read back has to equal what
/// was set.
const ALL_THAT_CAN_BE_BLOCKED: u64 = !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1));

/// How many threads of which process are putting a handler of ours in place just now: its PID, and below [`THREADS`] their
/// number. Each of them has all signals blocked. A child that is forked meanwhile has the number, and not the threads.
static PUTTING: AtomicU64 = AtomicU64::new(0);
const THREADS: u32 = 32;

/// The signals whose handler a thread has displaced by one of ours, and put back: a bit for each.
static PUT_BACK: AtomicU64 = AtomicU64::new(0);

/// Makes the dispositions virtual, and puts a stand-in wherever the daemon has SIG_DFL and dies of it. Not as
/// PID 1 of a namespace: there the kernel discards signals that have no handler, and would deliver them to ours.
pub(crate) fn put_stand_ins() {
    if Pid::this_process().get() == 1 || memory::is_borrowed() {
        return;
    }
    putting(|blocked| {
        // Nobody sets one meanwhile, and no signal comes: what is displaced can be put back unseen. Most are SIG_DFL. But one
        // that is blocked may be pending, and SIG_IGN, put back, would take that away.
        let alone = disposition::switch_on() && memory::has_dispositions_alone();
        for signal in 1..=64 {
            let expected = alone && !blocked.was(signal);
            put_ours(signal, expected.then_some(Disposition::DEFAULT));
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
    if memory::is_borrowed() {
        withdraw_all();
    } else {
        putting(|_| {
            disposition::switch_off();
            withdraw_all();
        });
    }
    true
}

fn withdraw_all() {
    (1..=64).for_each(withdraw);
}

fn withdraw(signal: c_int) {
    if let Some(ours) = get(signal).filter(|kernel| is_ours(kernel.handler)) {
        let mut daemons = ours;
        disposition::as_believed(disposition::last_set(signal), &mut daemons);
        exchange(signal, ours, daemons);
    }
}

/// The C library changes a disposition in a way that is noted, and in its parent's memory a child can note nothing: there it
/// changes the daemon's own.
pub(crate) fn withdraw_where_borrowed(signal: c_int) {
    if disposition::is_on() && memory::is_borrowed() {
        withdraw(signal);
    }
}

/// Puts our handler where the daemon's disposition as the kernel has it now needs one. A child in its parent's
/// memory goes without.
pub(crate) fn settle(signal: c_int) {
    let needs_ours = || get(signal).is_some_and(|daemons| ours_for(daemons).is_some());
    if ends_a_process(signal) && disposition::is_writable() && needs_ours() {
        putting(|_| {
            // Another thread may have withdrawn them since.
            if disposition::is_on() {
                put_ours(signal, None);
            }
        });
    }
}

/// Puts handlers of ours while no signal can interrupt it, no other thread is at it, and [`was_overtaken`] knows of it.
fn putting(put: impl FnOnce(&Blocked)) {
    let blocked = Blocked::all();
    let nobody = nobody_is_putting();
    begin_putting(nobody);
    put(&blocked);
    change_putting(nobody, |threads| threads.wrapping_sub(1));
}

/// What is believed has to be of the handler that the kernel has: one thread after the other says so. Should one of them be
/// kept from going on, by a debugger say, the others wait a second and go on together.
fn begin_putting(nobody: u64) {
    let alone = |now| (!says_putting(now, nobody)).then(|| nobody.wrapping_add(1));
    for _ in 0..TURNS {
        if PUTTING.fetch_update(SeqCst, SeqCst, alone).is_ok() {
            return;
        }
        pause();
    }
    change_putting(nobody, |threads| threads.wrapping_add(1));
}

/// Process and number change as one: two threads may be the first of a process.
fn change_putting(nobody: u64, change: fn(u64) -> u64) {
    let anew = |now| {
        let is_ours = says_putting(now, nobody);
        Some(change(if is_ours { now } else { nobody }))
    };
    let _ = PUTTING.fetch_update(SeqCst, SeqCst, anew);
}

/// [`PUTTING`], when no thread of this process is at it.
fn nobody_is_putting() -> u64 {
    u64::from(Pid::this_process().get().cast_unsigned()) << THREADS
}

fn says_putting(now: u64, nobody: u64) -> bool {
    now >> THREADS == nobody >> THREADS && now != nobody
}

/// Whether a thread of this process is putting a handler of ours just now.
pub(crate) fn is_putting() -> bool {
    says_putting(PUTTING.load(SeqCst), nobody_is_putting())
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
/// Waits for the threads that are putting one just now, which takes them a few system calls; a second at the longest. Where none
/// has put a handler back, another handler has called the stand-in: one that was set by a system call which is not hooked, and
/// passes on what it does not want, to what the kernel had before. Given the signal again, it would do so for ever.
pub(crate) fn was_overtaken(signal: c_int) -> bool {
    for _ in 0..TURNS {
        if !is_putting() {
            break;
        }
        pause();
    }
    PUT_BACK.load(SeqCst) & bit(signal) != 0
        && get(signal).is_some_and(|now| now.handler != stand_in::address())
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
pub(crate) fn ends_a_process(signal: c_int) -> bool {
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
    PUT_BACK.fetch_or(bit(signal), SeqCst);
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
