//! While one thread puts stand-ins, another sets a handler of the daemon's: it stays, it alone is called, and none of ours is
//! handed out.

use libc::{SA_RESETHAND, SIG_DFL, SIGTERM};

use crate::atomic::in_every_order;
use crate::disposition::{self, Disposition};
use crate::{kernel, settle, stand_in};

/// A handler of the daemon's.
const HANDLER: usize = 0x3000;

/// As the hook of sigaction(2) does it. What was set before is handed out.
fn set(handler: usize, flags: i32) -> usize {
    let new = Disposition {
        handler,
        flags: u64::from(flags.cast_unsigned()),
        restorer: 0,
        mask: 0,
    };
    let believed = disposition::last_set(SIGTERM);
    let mut old = kernel::swap(SIGTERM, &new).expect("the one signal");
    disposition::as_believed(believed, &mut old);
    settle::settle(SIGTERM);
    old.handler
}

/// What the kernel would call for a signal that comes now.
fn called() -> usize {
    let handler = kernel::get(SIGTERM).expect("the one signal").handler;
    match handler {
        it if it == stand_in::once_address() => disposition::handler_behind_once(SIGTERM),
        it if it != stand_in::address() => it,
        // It makes the signal pending once more.
        _ if settle::was_overtaken(SIGTERM) => called(),
        _ => SIG_DFL,
    }
}

#[test]
fn the_daemons_handler_is_never_lost_and_ours_never_handed_out() {
    in_every_order(|run| {
        run(&[settle::put_stand_ins, || {
            assert_eq!(set(HANDLER, 0), SIG_DFL);
            assert_eq!(called(), HANDLER);
        }]);
        assert_eq!(called(), HANDLER);
    });
}

#[test]
fn a_handler_that_is_called_once_is_the_one_that_was_set() {
    in_every_order(|run| {
        run(&[settle::put_stand_ins, || {
            assert_eq!(set(HANDLER, SA_RESETHAND), SIG_DFL);
            assert_eq!(called(), HANDLER);
        }]);
        assert_eq!(called(), HANDLER);
    });
}

#[test]
fn who_puts_stand_ins_is_known_to_whom_a_signal_reaches_meanwhile() {
    in_every_order(|run| {
        run(&[settle::put_stand_ins, settle::put_stand_ins]);
        assert!(!settle::is_putting());
        assert_eq!(called(), SIG_DFL);
    });
}

#[test]
fn stand_ins_are_withdrawn_and_none_handed_out() {
    in_every_order(|run| {
        settle::put_stand_ins();
        run(&[
            || assert!(settle::withdraw_stand_ins()),
            || {
                assert_eq!(set(HANDLER, 0), SIG_DFL);
            },
        ]);
        assert_eq!(kernel::get(SIGTERM).map(|it| it.handler), Some(HANDLER));
    });
}

#[test]
fn who_sets_a_default_while_stand_ins_are_withdrawn_has_it() {
    in_every_order(|run| {
        settle::put_stand_ins();
        assert_eq!(set(HANDLER, 0), SIG_DFL);
        run(&[
            || assert!(settle::withdraw_stand_ins()),
            || {
                assert_eq!(set(SIG_DFL, 0), HANDLER);
            },
        ]);
        assert_eq!(kernel::get(SIGTERM).map(|it| it.handler), Some(SIG_DFL));
    });
}
