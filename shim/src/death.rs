//! Removes what is this process's, in its last moments; and the ways out that need no C library.
#![expect(unsafe_code, reason = "ends the process")]

use core::ffi::c_int;

use pidward_identity::pid::Pid;
use pidward_identity::pidfile::Pidfile;
use pidward_identity::remove::{self, Writers};
use syscalls::{Sysno, raw_syscall};

use crate::{errno, memory, seccomp, seen, stack};

/// Removes each pidfile seen that holds the PID of the calling process. In its children, made by fork(2) or
/// vfork(2), that is none of their parent's.
///
/// What cannot be removed here, the guard removes: nothing is to be told, and nobody to tell it to.
pub(crate) fn of_this_process() {
    if !seen::awake() || seccomp::filtered() {
        return;
    }
    let _errno = errno::Kept::now();
    memory::leave_others_descriptors();
    stack::with_room(remove_all);
}

extern "C" fn remove_all() {
    for room in seen::pidfiles() {
        if let Ok(pidfile) = Pidfile::in_directory(room.directory(), room.name())
            && room.was_in(pidfile.directory())
        {
            let _ = remove::pidfile_of(Pid::this_process(), &pidfile, Writers::MayWrite);
        }
    }
}

/// Ends the process, `exit_group(2)`.
pub(crate) fn exit(status: c_int) -> ! {
    loop {
        // SAFETY: does not return.
        unsafe { raw_syscall!(Sysno::exit_group, status) };
    }
}

/// Ends the process as a fault of its own would.
pub(crate) fn trap() -> ! {
    exit(127)
}
