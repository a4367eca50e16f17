//! The commands, one file each: options in, [`crate::exit::Exit`] out.

pub(crate) mod run;
pub(crate) mod status;
