//! What happens when the library is loaded, and when it is unloaded or the process exits.
#![expect(
    unsafe_code,
    reason = "sections of the ELF file, and the environment of the C library"
)]

use core::ffi::{CStr, c_char};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, Ordering};

use crate::{death, guard, hooks, paths, seccomp, seen, wake};

#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

/// Runs after the handlers of atexit(3) and the destructors of the program: the daemon's own clean-up comes first.
#[used]
#[unsafe(link_section = ".fini_array")]
static ENDING: extern "C" fn() = ending;

unsafe extern "C" {
    /// environ(7). Not what a constructor is passed: musl passes it nothing.
    static environ: *const *const c_char;
}

/// What the user's environment says: the whole entry, `KEY=value`.
struct Setting(AtomicPtr<c_char>);

impl Setting {
    /// The entry as it stands in memory now: the daemon may have written its title over it, and then it is no setting any more.
    fn entry(&self) -> Option<&'static CStr> {
        read_settings();
        let entry = self.0.load(Ordering::Relaxed);
        if entry.is_null() {
            return None;
        }
        // SAFETY: an entry of the environment as it was when it was first read: in the memory that the kernel gave
        // the process at its start, which is never unmapped and ends with a NUL. Only where another library's constructor
        // had set one of ours before may it be in memory of that library's, which the C library does not free either.
        let entry = unsafe { CStr::from_ptr(entry) };
        setting(entry.to_bytes())
            .is_some_and(|it| ptr::eq(it, self))
            .then_some(entry)
    }

    fn value(&self) -> Option<&'static CStr> {
        let entry = self.entry()?.to_bytes_with_nul();
        let key = entry.iter().position(|&byte| byte == b'=')?;
        CStr::from_bytes_with_nul(entry.get(key.checked_add(1)?..)?).ok()
    }
}

/// The settings, each with its key.
macro_rules! settings {
    ($($name:ident $key:literal)*) => {
        $(static $name: Setting = Setting(AtomicPtr::new(ptr::null_mut()));)*
        /// A bit for each byte that a key begins with; which of the bytes with the same lowest six bits, is not told.
        const FIRST: u64 = 0 $(| 1 << ($key[0] & 63))*;

        /// Which of them this entry is. No table of the keys: each pointer in it would be one more relocation in every program
        /// that is started.
        fn setting(entry: &[u8]) -> Option<&'static Setting> {
            $(if entry.starts_with($key) {
                return Some(&$name);
            })*
            None
        }
    };
}

settings! {
    HOME b"HOME="
    STATE_HOME b"XDG_STATE_HOME="
    GUARD b"PIDWARD_GUARD="
    GUARD_EXE b"PIDWARD_GUARD_EXE="
    NAMED b"PIDWARD_PIDFILE="
    NAMED_BY_SYSTEMD b"PIDFILE="
}

/// What `PIDWARD_GUARD` said: kept, because a title that the daemon writes over it is not to start guards.
static GUARD_IS_OFF: AtomicBool = AtomicBool::new(false);

/// The guard to start instead of the installed one.
pub(crate) fn guard_exe() -> Option<&'static CStr> {
    GUARD_EXE.value()
}

/// What of the environment a guard gets.
pub(crate) fn guard_environment() -> [Option<&'static CStr>; 2] {
    [HOME.entry(), STATE_HOME.entry()]
}

/// Whether the process was told to start no guard.
pub(crate) fn guard_is_off() -> bool {
    read_settings();
    GUARD_IS_OFF.load(Ordering::Relaxed)
}

/// Whether the process runs with rights that its caller has not (`getauxval(3)`, `AT_SECURE`): then its
/// environment is a stranger's, and the library does nothing at all.
pub(crate) fn steps_aside() -> bool {
    const UNKNOWN: u8 = 0;
    const ORDINARY: u8 = 1;
    const SECURE: u8 = 2;
    static SECURITY: AtomicU8 = AtomicU8::new(UNKNOWN);
    match SECURITY.load(Ordering::Relaxed) {
        UNKNOWN => {
            // SAFETY: reads the auxiliary vector, which the C library keeps.
            let secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
            SECURITY.store(if secure { SECURE } else { ORDINARY }, Ordering::Relaxed);
            secure
        }
        security => security == SECURE,
    }
}

/// Whether this process may make system calls that its program does not know of.
pub(crate) fn may_act() -> bool {
    !steps_aside() && !seccomp::filtered()
}

extern "C" fn loaded() {
    // Whoever is left alone calls what is behind the hooks all the same.
    hooks::prepare();
    if steps_aside() {
        return;
    }
    read_settings();
    if seen::named().next().is_none() || seccomp::filtered() {
        return;
    }
    for room in seen::named().filter(|room| guard::holds_this_process(room)) {
        wake::on(room, room.see(), seen::Made::Created);
    }
}

extern "C" fn ending() {
    death::of_this_process();
}

/// Reads what the user has set, and notes what he has named; once. Another library's constructor may have called a hook
/// before ours is run.
pub(crate) fn read_settings() {
    static READ: AtomicBool = AtomicBool::new(false);
    if READ.swap(true, Ordering::Relaxed) {
        return;
    }
    read_environment();
    GUARD_IS_OFF.store(GUARD.value() == Some(c"off"), Ordering::Relaxed);
    for path in NAMED.value().into_iter().chain(NAMED_BY_SYSTEMD.value()) {
        paths::each(path, seen::name);
    }
    seen::all_are_named();
}

fn read_environment() {
    // SAFETY: the C library has set it before it runs any constructor.
    let mut next = unsafe { environ };
    loop {
        // SAFETY: `next` points into the array of the environment, which a null pointer ends, or is null.
        let Some(entry) = (unsafe { next.as_ref() }).filter(|entry| !entry.is_null()) else {
            return;
        };
        // One byte tells of most that they are none of ours; this runs in every program that is started.
        // SAFETY: each entry is a C string, so it has a first byte, if only its end.
        let first = unsafe { entry.cast::<u8>().read() };
        if FIRST >> (first & 63) & 1 != 0 {
            // SAFETY: each entry is a C string.
            let text = unsafe { CStr::from_ptr(*entry) }.to_bytes();
            if let Some(setting) = setting(text) {
                setting.0.store(entry.cast_mut(), Ordering::Relaxed);
            }
        }
        // SAFETY: the entry was not the last.
        next = unsafe { next.add(1) };
    }
}
