//! Leaves behind what the guard inherited: descriptors, session, directory, signals, the OOM killer's favour.
//!
//! Never fails: what cannot be left behind is kept, and the daemon is guarded all the same.
#![expect(unsafe_code, reason = "system calls that rustix does not wrap")]

use core::ffi::c_int;
use core::ptr::null_mut;

use pidward_identity::evidence::GUARD_COMM;
use pidward_identity::pidfd::PidFd;
use rustix::fd::{FromRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, RawDir};
use rustix::path::DecInt;
use rustix::process::Resource;
use syscalls::{Sysno, raw_syscall};

/// Closes every descriptor but the one that is handed back: a pidfd of the process that is to write the pidfile,
/// when that is what the guard's starter put in place of standard input.
///
/// To be called first: no descriptor of our own may be open yet.
pub(crate) fn close_all_but_writer() -> Option<PidFd> {
    // SAFETY: nobody else in this process uses the descriptor; closing one that is not open does nothing.
    let writer = PidFd::from_fd(unsafe { OwnedFd::from_raw_fd(0) });
    let first = c_int::from(writer.is_some());
    // SAFETY: as the head says, none of these descriptors is ours.
    let answer = unsafe { raw_syscall!(Sysno::close_range, first, c_int::MAX, 0) };
    if answer != 0 {
        // Before Linux 5.9, or a seccomp filter that does not know it.
        close_each(first);
    }
    writer
}

fn close_each(first: c_int) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if let Ok(open) = rustix::fs::openat(CWD, c"/proc/self/fd", flags, Mode::empty()) {
        let mut buffer = [core::mem::MaybeUninit::uninit(); 1024];
        let mut entries = RawDir::new(&open, &mut buffer);
        while let Some(Ok(entry)) = entries.next() {
            let number = entry.file_name().to_str().map(str::parse);
            if let Ok(Ok(number)) = number
                && number >= first
                && number != rustix::fd::AsRawFd::as_raw_fd(&open)
            {
                close(number);
            }
        }
        return;
    }
    let limit = rustix::process::getrlimit(Resource::Nofile).current;
    let limit = limit.and_then(|limit| c_int::try_from(limit).ok());
    (first..limit.unwrap_or(1 << 16)).for_each(close);
}

fn close(descriptor: c_int) {
    // SAFETY: as in the caller, it is not ours.
    unsafe { raw_syscall!(Sysno::close, descriptor) };
}

/// Makes the guard a process of its own: nothing that ends its starter's session or terminal ends it.
pub(crate) fn leave_the_starter() {
    // It fails only for who leads a process group, started by hand from a shell with job control.
    let _ = rustix::process::setsid();
    let _ = rustix::process::chdir(c"/");
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    let _ = rustix::thread::set_name(GUARD_COMM);
    ignore_signals();
    be_the_last_that_oom_takes();
}

/// `struct sigaction` of the kernel, without the handler's restorer, which no ignored signal needs.
#[repr(C)]
#[derive(Default)]
struct SigAction {
    handler: usize,
    flags: usize,
    restorer_or_mask: [usize; 2],
}

fn ignore_signals() {
    const SIG_IGN: usize = 1;
    const SIG_SETMASK: usize = 2;
    // sizeof(sigset_t) of the kernel.
    const SET: usize = 8;
    let ignore = SigAction {
        handler: SIG_IGN,
        ..SigAction::default()
    };
    // XFSZ too: with a limit on the size of files, writing the record is to fail and not to kill.
    for signal in [1_usize, 2, 15, 25] {
        // SAFETY: `ignore` is as large as the kernel's struct on every architecture, and only read.
        unsafe {
            raw_syscall!(
                Sysno::rt_sigaction,
                signal,
                &raw const ignore,
                null_mut::<SigAction>(),
                SET
            )
        };
    }
    // The starter blocked them all, so that none would end us before they were ignored.
    let none = 0_u64;
    // SAFETY: `none` is a signal set of the kernel, and only read.
    unsafe {
        raw_syscall!(
            Sysno::rt_sigprocmask,
            SIG_SETMASK,
            &raw const none,
            null_mut::<u64>(),
            SET
        )
    };
}

/// Sets `oom_score_adj`, `proc_pid_oom_score_adj(5)`, to the lowest that is allowed: without `CAP_SYS_RESOURCE`
/// that is a number that nobody tells, so it is searched for.
fn be_the_last_that_oom_takes() {
    const LOWEST: i32 = -1000;
    const HIGHEST: i32 = 1000;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let path = c"/proc/self/oom_score_adj";
    let Ok(file) = rustix::fs::openat(CWD, path, flags, Mode::empty()) else {
        return;
    };
    let allowed = |score: i32| rustix::io::pwrite(&file, DecInt::new(score).as_bytes(), 0).is_ok();
    if allowed(LOWEST) {
        return;
    }
    let (mut refused, mut granted) = (LOWEST, HIGHEST);
    while granted - refused > 1 {
        let middle = refused.midpoint(granted);
        if allowed(middle) {
            granted = middle;
        } else {
            refused = middle;
        }
    }
}
