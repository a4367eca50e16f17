//! In the place of the shim's room of this name: what looks like an atomic of the core library is one of loom's.
//!
//! loom's cannot be made when a program is compiled, and each try needs new ones: a `static` is no more than an address and
//! a first value here. Those that a scenario uses are learned by running it once, one thread after the other; each try begins
//! with making them, before there are threads.
#![expect(unsafe_code, reason = "in the place of what shares memory")]

use core::cell::UnsafeCell;
use core::ptr;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use core::sync::atomic::Ordering;
use loom::sync::atomic::AtomicU64 as Tried;

/// What loom knows of one address. Its threads take turns in one of the system's.
#[derive(Clone)]
enum Cell {
    Atomic { first: u64, value: Rc<Tried> },
    Bytes(Rc<loom::cell::UnsafeCell<()>>),
}

impl Cell {
    /// With its first value, if it has one.
    fn new(first: Option<u64>) -> Self {
        match first {
            Some(first) => Self::Atomic {
                first,
                value: Rc::new(Tried::new(first)),
            },
            None => Self::Bytes(Rc::new(loom::cell::UnsafeCell::new(()))),
        }
    }

    fn first(&self) -> Option<u64> {
        match self {
            Self::Atomic { first, .. } => Some(*first),
            Self::Bytes(_) => None,
        }
    }
}

/// By address.
type Cells = BTreeMap<usize, Cell>;

loom::lazy_static! {
    static ref CELLS: Mutex<Cells> = Mutex::new(Cells::new());
}

fn cells<'a>() -> MutexGuard<'a, Cells> {
    CELLS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cell<T>(at: &T, first: Option<u64>) -> Cell {
    let mut cells = cells();
    let cell = cells.entry(ptr::from_ref(at).addr());
    cell.or_insert_with(|| Cell::new(first)).clone()
}

/// What a thread does.
pub(crate) type Work = fn();

/// What a test does: it hands its threads over, to be run to their ends, and looks at what has come of it.
type Scenario = fn(run: fn(&[Work]));

/// Tries the scenario in every order of what its threads do in which they lose their turn three times, or as often as
/// `LOOM_MAX_PREEMPTIONS` says: with 250 in every order that there is, which takes half a minute for all scenarios but that of
/// full rooms.
///
/// # Panics
/// When the scenario does, in any of them.
pub(crate) fn in_every_order(scenario: Scenario) {
    in_every_order_with(3, scenario);
}

/// The same for a scenario that takes long.
pub(crate) fn in_every_order_with(turns_lost: usize, scenario: Scenario) {
    // The rooms themselves are there once, and tests have threads.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut model = loom::model::Builder::new();
    model.max_branches = 100_000;
    model.preemption_bound = model.preemption_bound.or(Some(turns_lost));
    let learned = Arc::new(Mutex::new(Vec::new()));
    let learning = Arc::clone(&learned);
    model.check(move || {
        scenario(|threads| threads.iter().for_each(|work| work()));
        let firsts = cells()
            .iter()
            .map(|(&at, cell)| (at, cell.first()))
            .collect();
        *learning.lock().expect("one thread") = firsts;
    });
    let learned = learned.lock().expect("one thread").clone();
    model.check(move || {
        let all = learned.iter().map(|&(at, first)| (at, Cell::new(first)));
        cells().extend(all);
        scenario(|threads| {
            let threads: Vec<_> = threads
                .iter()
                .map(|&work| loom::thread::spawn(work))
                .collect();
            for thread in threads {
                thread.join().expect("no panic");
            }
        });
    });
}

/// What an atomic holds, as the widest of them holds it.
trait Bits: Copy {
    fn bits(self) -> u64;
    fn of(bits: u64) -> Self;
}

macro_rules! atomics {
    ($($name:ident $value:ident $bits:ident $of:expr;)*) => {$(
        /// An address, and the first value there.
        pub(crate) struct $name($value);

        impl Bits for $value {
            fn bits(self) -> u64 {
                $bits(self)
            }

            fn of(bits: u64) -> Self {
                $of(bits)
            }
        }

        impl $name {
            pub(crate) const fn new(first: $value) -> Self {
                Self(first)
            }

            fn tried(&self) -> Rc<Tried> {
                match cell(self, Some(self.0.bits())) {
                    Cell::Atomic { value, .. } => value,
                    Cell::Bytes(_) => unreachable!("an atomic"),
                }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                Bits::of(self.tried().load(order))
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.tried().store(value.bits(), order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                Bits::of(self.tried().swap(value.bits(), order))
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let tried = self.tried();
                let result = tried.compare_exchange(current.bits(), new.bits(), success, failure);
                result.map(Bits::of).map_err(Bits::of)
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut next: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let next = |bits| next(Bits::of(bits)).map(Bits::bits);
                let result = self.tried().fetch_update(set, fetch, next);
                result.map(Bits::of).map_err(Bits::of)
            }

            pub(crate) fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                Bits::of(self.tried().fetch_max(value.bits(), order))
            }

            pub(crate) fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                Bits::of(self.tried().fetch_and(value.bits(), order))
            }

            pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                Bits::of(self.tried().fetch_or(value.bits(), order))
            }

            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                Bits::of(self.tried().fetch_add(value.bits(), order))
            }

            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                Bits::of(self.tried().fetch_sub(value.bits(), order))
            }
        }
    )*};
}

fn from<T: TryFrom<u64>>(bits: u64) -> T {
    bits.try_into().ok().expect("it came from one")
}

fn widened<T: TryInto<u64>>(value: T) -> u64 {
    value.try_into().ok().expect("not negative")
}

atomics! {
    AtomicBool bool widened |bits| bits != 0;
    AtomicU8 u8 widened from;
    AtomicU16 u16 widened from;
    AtomicU64 u64 widened from;
    AtomicUsize usize widened from;
}

/// What one thread writes before it publishes it: loom is told of each use.
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: loom's threads take turns, and it finds those that must not use it.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    fn bytes(&self) -> Rc<loom::cell::UnsafeCell<()>> {
        match cell(self, None) {
            Cell::Bytes(bytes) => bytes,
            Cell::Atomic { .. } => unreachable!("bytes"),
        }
    }

    pub(crate) unsafe fn get(&self) -> &T {
        self.bytes().with(|_| ());
        // SAFETY: nobody writes it, or loom has panicked.
        unsafe { &*self.0.get() }
    }

    #[expect(clippy::mut_from_ref, reason = "the caller has it alone")]
    pub(crate) unsafe fn get_mut(&self) -> &mut T {
        self.bytes().with_mut(|_| ());
        // SAFETY: nobody else uses it, or loom has panicked.
        unsafe { &mut *self.0.get() }
    }
}
