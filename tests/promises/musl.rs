//! The shim's promises once more, to the same daemon with another C library: compared with itself, as ever.

use crate::promise::Promise;
use crate::shim;

/// The functions that this C library has not, or has as other names for the same ones.
const NOT_THERE: [&str; 16] = [
    "open64",
    "openat64",
    "creat64",
    "fopen64",
    "freopen64",
    "__open_2",
    "__open64_2",
    "__openat_2",
    "__openat64_2",
    "renameat2",
    "__sigaction",
    "ssignal",
    "sysv_signal",
    "sigvec",
    "sigvec_runs_once",
    // Debian has it for glibc only.
    "libseccomp",
];

/// What it does otherwise, without any shim.
const OTHERWISE: [&str; 9] = [
    // Its abort(3) signals the thread that it knows of, and it does not know a child that it has not made: it is the parent
    // that dies.
    "a_child_that_aborts_never_removes_its_parents_pidfile::raw_fork",
    "a_child_that_aborts_never_removes_its_parents_pidfile::clone",
    "a_child_that_wrote_its_own_pid_and_aborts_removes_the_pidfile::raw_fork",
    "a_child_that_wrote_its_own_pid_and_aborts_removes_the_pidfile::clone",
    // In a child, nobody is ever told of the end of the first thread.
    "a_child_whose_threads_end_never_removes_its_parents_pidfile",
    "a_child_whose_threads_end_removes_its_own_pidfile",
    // It finds an overflow by comparing random numbers, which are in registers then.
    "a_core_is_the_one_there_would_be_without_the_shim::die overflow_of_buffer",
    "a_core_of_another_thread_is_the_one_there_would_be::die overflow_of_buffer",
    // It has no /etc/ld.so.preload, by which alone the library is loaded there.
    "a_program_with_its_files_rights_is_left_alone",
];

/// All of them.
pub(crate) fn promises() -> impl Iterator<Item = Promise> {
    let holds = |promise: &Promise| {
        let case = promise.name.rsplit("::").next().unwrap_or_default();
        !NOT_THERE.contains(&case) && !OTHERWISE.contains(&promise.name.as_str())
    };
    let promises = shim::promises().into_iter().filter(holds);
    promises.map(Promise::under_musl)
}
