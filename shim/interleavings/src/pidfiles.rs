//! What is seen, is seen whole, by every thread, and by one of them first.

use core::ffi::CStr;
use std::ffi::CString;

use libc::AT_FDCWD;

use crate::atomic::{AtomicU8, Ordering, in_every_order, in_every_order_with};
use crate::seen::{self, Made};

fn make(path: &CStr) {
    seen::made(AT_FDCWD, path, Made::Created);
}

/// The names of those that are known, each as a whole.
fn names() -> Vec<String> {
    let whole = |room: &seen::Room| {
        assert_eq!(room.directory(), c"/tmp");
        room.name().to_string_lossy().into_owned()
    };
    seen::pidfiles().map(whole).collect()
}

#[test]
fn what_a_thread_has_made_every_thread_that_is_awake_sees_whole() {
    in_every_order(|run| {
        run(&[
            || {
                make(c"/tmp/a.pid");
                assert!(names().contains(&"a.pid".to_owned()));
            },
            || assert!(!seen::awake() || names() == ["a.pid"]),
        ]);
        assert_eq!(names(), ["a.pid"]);
    });
}

#[test]
fn two_threads_share_no_room() {
    in_every_order(|run| {
        run(&[|| make(c"/tmp/a.pid"), || make(c"/tmp/b.pid")]);
        let mut names = names();
        names.sort();
        assert_eq!(names, ["a.pid", "b.pid"]);
    });
}

#[test]
fn what_is_seen_is_found_while_a_room_before_it_is_taken() {
    in_every_order(|run| {
        make(c"/tmp/a.pid");
        run(&[
            || {
                // Known already: the room in which it was compared, is free again.
                make(c"/tmp/a.pid");
                make(c"/tmp/c.pid");
            },
            || {
                make(c"/tmp/b.pid");
                assert!(names().contains(&"b.pid".to_owned()));
            },
        ]);
        assert_eq!(names().len(), 3);
    });
}

#[test]
fn one_thread_is_the_first_to_see_a_named_pidfile() {
    static FIRST: AtomicU8 = AtomicU8::new(0);
    in_every_order(|run| {
        seen::name(c"/tmp/a.pid");
        let see = || {
            for room in seen::named().filter(|room| room.see()) {
                assert_eq!(room.name(), c"a.pid");
                FIRST.fetch_add(1, Ordering::Relaxed);
            }
        };
        run(&[see, see]);
        assert_eq!(FIRST.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn there_is_always_a_room_to_compare_in() {
    in_every_order_with(1, |run| {
        for number in 1..seen::MOST {
            let path = format!("/tmp/{number}.pid");
            make(&CString::new(path).expect("a path"));
        }
        run(&[|| make(c"/tmp/a.pid"), || make(c"/tmp/b.pid")]);
        assert_eq!(names().len(), seen::MOST);
    });
}
