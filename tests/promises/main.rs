//! Promises: what a daemon may rely on that has never heard of pidward. One test a promise, each in namespaces of its
//! own, with a daemon made for it (`programs/legacy/`) that is compared with itself without the shim.

use std::process::ExitCode;

use libtest_mimic::Arguments;
use pidward_tests::namespace;

mod adopt;
mod answer;
mod attacks;
mod cgroup;
mod company;
mod compare;
mod disk;
mod doctor;
mod drop_in;
mod extremes;
mod faults;
mod foreground;
mod gdb;
mod guard;
mod guards;
mod legacy;
mod musl;
mod mutants;
mod number;
mod peers;
mod programs;
mod promise;
mod races;
mod run;
mod scene;
mod shim;
mod shipped;
mod signal;
mod status;
mod stop;
mod sweep;
mod wait;

use promise::Promise;

fn promises() -> Vec<Promise> {
    shim::promises()
        .into_iter()
        .chain(company::promises())
        .chain(musl::promises())
        .chain(shipped::promises())
        .chain(guard::promises())
        .chain(run::promises())
        .chain(foreground::promises())
        .chain(status::promises())
        .chain(signal::promises())
        .chain(stop::promises())
        .chain(wait::promises())
        .chain(adopt::promises())
        .chain(doctor::promises())
        .chain(sweep::promises())
        .chain(drop_in::promises())
        .chain(attacks::promises())
        .chain(faults::promises())
        .chain(extremes::promises())
        .chain(races::promises())
        .collect()
}

fn main() -> ExitCode {
    let inside = |arguments: &[String]| {
        let all: Vec<_> = promises().into_iter().chain([peers::promise()]).collect();
        promise::inside(&all, arguments)
    };
    if let Some(done) = namespace::enter(inside) {
        return done;
    }
    let arguments = Arguments::from_args();
    let promises = promises().into_iter().map(Promise::into_trial);
    let others = mutants::trials().chain([peers::trial()]);
    let trials = promises.chain(others).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
