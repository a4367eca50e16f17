//! The commands, one file each: options in, [`crate::exit::Exit`] out.

pub(crate) mod adopt;
pub(crate) mod doctor;
pub(crate) mod drop_in;
mod foreground;
pub(crate) mod run;
pub(crate) mod signal;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod sweep;
pub(crate) mod wait;
