//! Promises: what a daemon may rely on that has never heard of pidward. One test a promise, each in namespaces of its
//! own, with a daemon made for it (`programs/legacy/`) that is compared with itself without the shim.

use std::process::ExitCode;

use libtest_mimic::Arguments;
use pidward_tests::namespace;

mod compare;
mod foreground;
mod guard;
mod guards;
mod legacy;
mod mutants;
mod programs;
mod promise;
mod run;
mod scene;
mod shim;
mod shipped;
mod status;

use promise::Promise;

fn promises() -> Vec<Promise> {
    shim::promises()
        .into_iter()
        .chain(shipped::promises())
        .chain(guard::promises())
        .chain(run::promises())
        .chain(foreground::promises())
        .chain(status::promises())
        .collect()
}

fn main() -> ExitCode {
    if let Some(done) = namespace::enter(|arguments| promise::inside(&promises(), arguments)) {
        return done;
    }
    let arguments = Arguments::from_args();
    let promises = promises().into_iter().map(Promise::into_trial);
    let trials = promises.chain(mutants::trials()).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
