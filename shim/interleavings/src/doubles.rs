//! What the rooms of the shim ask of others, answered for a process with one signal, in memory of its own.

pub(crate) mod blocked {
    pub(crate) struct Blocked;

    impl Blocked {
        pub(crate) fn all() -> Self {
            Self
        }

        pub(crate) fn was(&self, _: i32) -> bool {
            false
        }
    }
}

pub(crate) mod errno {
    pub(crate) struct Kept;

    impl Kept {
        pub(crate) fn now() -> Self {
            Self
        }
    }
}

pub(crate) mod guard {
    use crate::seen::Room;

    pub(crate) fn start(_: &Room) {}
}

/// The kernel's table, for SIGTERM.
pub(crate) mod kernel {
    use core::ffi::c_int;

    use libc::SIGTERM;
    use loom::sync::Mutex;

    use crate::disposition::Disposition;
    use crate::{settle, stand_in};

    loom::lazy_static! {
        static ref TABLE: Mutex<Disposition> = Mutex::new(Disposition::DEFAULT);
    }

    pub(crate) fn get(signal: c_int) -> Option<Disposition> {
        (signal == SIGTERM).then(|| *TABLE.lock().expect("no panic"))
    }

    pub(crate) fn swap(signal: c_int, new: &Disposition) -> Option<Disposition> {
        let is_ours = [stand_in::address(), stand_in::once_address()].contains(&new.handler);
        assert!(!is_ours || settle::is_putting(), "others know of it");
        let swap = || core::mem::replace(&mut *TABLE.lock().expect("no panic"), *new);
        (signal == SIGTERM).then(swap)
    }

    pub(crate) fn pause() {
        loom::thread::yield_now();
    }
}

pub(crate) mod memory {
    pub(crate) fn is_borrowed() -> bool {
        false
    }

    pub(crate) fn has_dispositions_alone() -> bool {
        false
    }
}

pub(crate) mod stand_in {
    pub(crate) const SA_RESTORER: u64 = 0;

    pub(crate) fn address() -> usize {
        0x1000
    }

    pub(crate) fn once_address() -> usize {
        0x2000
    }

    pub(crate) fn restorer_address() -> usize {
        0
    }
}

pub(crate) mod start {
    pub(crate) fn steps_aside() -> bool {
        false
    }

    pub(crate) fn may_act() -> bool {
        true
    }

    pub(crate) fn read_settings() {}
}

pub(crate) mod wake {
    use crate::seen::{Made, Room};

    pub(crate) fn on(pidfile: &Room, _: bool, _: Made) {
        assert!(!pidfile.name().is_empty());
    }
}
