//! What a pidfile is worth, and its removal.
//!
//! This crate looks, judges and removes; it never prints, never exits and never allocates, so that shim,
//! guard and command line decide alike. In the order of the flow, pidfile seen -> guard started -> record ->
//! watch -> death -> remove:
//!
//! - [`pid`]: a process ID, and the one a pidfile's text holds
//! - [`walk`]: the way to a pidfile's directory
//! - [`pidfile`]: a pidfile's directory, opened once, its name there, and what it holds
//! - [`proc_stat`]: `/proc/PID/stat` and `/proc/PID/status`, from bytes
//! - [`process`]: what makes a process that process
//! - [`pidfd`]: a descriptor of a process: is it dead, how did it end
//! - [`owner`]: the process that a pidfile names, held for acting on it
//! - [`signal`]: signals by name and by number
//! - [`record`]: the `.ward` file, from text and to text
//! - [`lock`]: the lock that a guard holds on its record
//! - [`proc_locks`]: `/proc/locks`, from bytes
//! - [`held`]: who else has a pidfile open or locked
//! - [`trust`]: who could have written this file
//! - [`mountinfo`]: `/proc/PID/mountinfo`, from bytes
//! - [`mount`]: whether a file is seen by others than ourselves
//! - [`below`]: the processes in PID namespaces below ours
//! - [`evidence`]: asks the kernel all that a verdict needs, once
//! - [`verdict`]: from evidence to a class and a reason
//! - [`read`]: files in /proc, piece by piece
//! - [`remove`]: compare-and-remove, the only unlink of a pidfile
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod below;
pub mod evidence;
pub mod held;
pub mod lock;
pub mod mount;
pub mod mountinfo;
pub mod owner;
pub mod pid;
pub mod pidfd;
pub mod pidfile;
pub mod proc_locks;
pub mod proc_stat;
pub mod process;
pub mod read;

pub mod record;
pub mod remove;
pub mod signal;
pub mod trust;
pub mod verdict;
pub mod walk;

/// The number of a descriptor: without the standard library, descriptors here are not of its types.
pub use rustix::fd::AsRawFd;
/// What a system call refused, in all that this crate returns.
pub use rustix::io::Errno;
