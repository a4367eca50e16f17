//! Units under a real systemd, as the first process of a container made by systemd-nspawn: Debian's own and a few of each
//! other kind, without pidward and with the drop-in that it prints. Whatever `systemctl` tells of them is the same.
//!
//! One boot for all: [`root`] makes what is booted, and the script `check` beside this file runs in it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::OnceLock;

use libtest_mimic::{Arguments, Failed, Trial};
use pidward_tests::failure::{Checked, Failure};

mod root;
mod units;

/// What was said of each unit and way: facts in their order.
type Told = BTreeMap<(String, String), Vec<String>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trial = |unit: &'static str| {
        Trial::test(
            format!("a_unit_behaves_with_its_drop_in_as_without::{unit}"),
            move || check(unit).map_err(Failed::from),
        )
    };
    let trials = units::ALL.iter().copied().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// All that `check` said.
fn told() -> Checked<&'static Told> {
    static TOLD: OnceLock<Checked<Told>> = OnceLock::new();
    let told = TOLD.get_or_init(|| {
        let mut told = Told::new();
        for line in root::boot()?.lines() {
            let mut words = line.splitn(3, ' ');
            if let (Some(unit), Some(way), Some(fact)) = (words.next(), words.next(), words.next())
            {
                let key = (unit.to_owned(), way.to_owned());
                told.entry(key).or_default().push(fact.to_owned());
            }
        }
        Ok(told)
    });
    told.as_ref().map_err(Clone::clone)
}

fn check(unit: &str) -> Checked {
    let told = told()?;
    let of = |way: &str| {
        let key = (format!("{unit}.service"), way.to_owned());
        told.get(&key).cloned().unwrap_or_default()
    };
    let (without, mut with) = (of("without"), of("with"));
    let shown = format!("without: {without:#?}\nwith: {with:#?}");
    if !without.iter().any(|fact| fact.starts_with("left")) {
        return Err(Failure::new(
            "the test itself",
            format!("not checked\n{told:#?}"),
        ));
    }
    // What there is only with pidward; all of it has to be there.
    for more in units::only_with(unit) {
        match with.iter().position(|fact| fact == more) {
            Some(at) => drop(with.remove(at)),
            None => return Err(Failure::new(format!("not \"{more}\""), shown)),
        }
    }
    match with == without {
        true => Ok(()),
        false => Err(Failure::new("it behaves otherwise", shown)),
    }
}
