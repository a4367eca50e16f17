//! The commands, one file each: options in, [`crate::exit::Exit`] out.

mod foreground;
pub(crate) mod run;
pub(crate) mod status;
