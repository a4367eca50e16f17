//! Whose memory is this? A child made by vfork(2), or by clone(2) with `CLONE_VM`, runs in its parent's, and what
//! it wrote there would be the parent's: it leaves no trace.
#![expect(unsafe_code, reason = "unshare(2)")]

use core::sync::atomic::{AtomicI32, Ordering};

use libc::{CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_VM, c_int};
use pidward_identity::pid::Pid;
use syscalls::{Errno, Sysno, syscall};

/// The process that was last found to run in memory of its own; so does its child by fork(2), but it has yet to be asked.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// Whether the calling process runs in another one's memory.
///
/// unshare(2) of what is not shared does nothing and succeeds, and of what is, it is refused: that of `CLONE_THREAD`
/// to who has other threads, as no such child has, and that of `CLONE_VM` to who shares its memory with another
/// process (check_unshare_flags() in kernel/fork.c, since Linux 4.3; before, all memory passes for one's own).
pub(crate) fn is_borrowed() -> bool {
    let process = Pid::this_process().get();
    if OWNER.load(Ordering::Relaxed) == process {
        return false;
    }
    let borrowed = unshare(CLONE_THREAD).is_ok() && unshare(CLONE_VM) == Err(Errno::EINVAL);
    if !borrowed {
        OWNER.store(process, Ordering::Relaxed);
    }
    borrowed
}

/// Whether nobody but the calling thread can change its process's dispositions: no other thread, and no process that
/// shares them without being one (`CLONE_SIGHAND`). Asked as above.
pub(crate) fn has_dispositions_alone() -> bool {
    unshare(CLONE_SIGHAND).is_ok()
}

/// Gives a child that shares another process's descriptors (clone(2) with `CLONE_FILES`) copies of its own: to close one of a file
/// drops all POSIX locks that are held on it by who shares it. What threads share stays theirs.
pub(crate) fn leave_others_descriptors() {
    let is_owner = OWNER.load(Ordering::Relaxed) == Pid::this_process().get();
    if !is_owner && unshare(CLONE_THREAD).is_ok() {
        let _ = unshare(CLONE_FILES);
    }
}

fn unshare(what: c_int) -> Result<(), Errno> {
    // SAFETY: nothing else can be unshared of these than descriptors, which nobody here counts on to be shared.
    unsafe { syscall!(Sysno::unshare, what) }.map(drop)
}
