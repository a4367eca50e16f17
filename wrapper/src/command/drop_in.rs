//! `pidward drop-in`: how a service that is there already is started with pidward, for its init system; printed, or installed.

mod block;
mod openrc;
mod script;
mod settings;
mod sysv;

use crate::cli;
use crate::exit::Exit;

pub(crate) use block::{Done, Refused};
pub(crate) use settings::{NoDropIn, Warning};

/// Prints it, writes it, or removes what was written.
pub(crate) fn drop_in(options: &cli::DropIn) -> Exit {
    match options.kind {
        cli::Kind::Sysv => settings::drop_in(options, "sysv", sysv::settings),
        cli::Kind::Openrc => settings::drop_in(options, "openrc", openrc::settings),
    }
}
