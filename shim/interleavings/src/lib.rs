//! The rooms of the shim that threads share something by, tried in every order of what the threads do, and with every
//! value that the processor may give them.
//!
//! `atomic` stands in the place of the shim's own and tells loom of each step. What these rooms ask of others is answered
//! by `doubles`: a process with one signal, in memory of its own and under no filter.
//!
//! - `pidfiles`: what is seen
//! - `signals`: dispositions
//! - `filter`: seccomp
#![cfg(test)]
#![allow(dead_code, reason = "not all that the rooms have is tried")]

mod atomic;
mod doubles;
mod filter;
mod pidfiles;
mod signals;

#[path = "../../src/disposition.rs"]
mod disposition;
#[path = "../../src/paths.rs"]
mod paths;
#[path = "../../src/seccomp.rs"]
mod seccomp;
#[path = "../../src/seen.rs"]
mod seen;
#[path = "../../src/settle.rs"]
mod settle;

use doubles::{blocked, errno, guard, kernel, memory, stand_in, start, wake};
