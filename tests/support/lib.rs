//! What the end-to-end tests stand on: a world of its own for each test, and ways to wait in it that never sleep.
//!
//! In the order of use: a test re-executes itself into a [`namespace`], builds its [`world`] there, starts a daemon
//! from the [`release`] files, waits with a [`watch`] until the [`record`] is written, ends the [`process`], and
//! looks at what is left ([`proc`]).

pub mod deadline;
pub mod failure;
pub mod namespace;
pub mod peak;
pub mod pidfd;
pub mod proc;
pub mod process;
pub mod reaper;
pub mod record;
pub mod release;
pub mod table;
pub mod watch;
pub mod world;
