//! systemd: units without pidward and with the drop-in that it prints, in a container made by systemd-nspawn with systemd as
//! the first process. Whatever `systemctl` tells of them is the same, but for what a crash leaves.
//!
//! Debian's own units and a few of each other kind ([`units`]), all in one container: [`root`] makes it, and the script
//! `check-systemd` beside this file runs in it.

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
    let unit = |unit: &'static str| {
        Trial::test(
            format!("a_unit_behaves_with_its_drop_in_as_without::{unit}"),
            move || check_unit(unit).map_err(Failed::from),
        )
    };
    libtest_mimic::run(&arguments, units::ALL.iter().copied().map(unit).collect()).exit_code()
}

/// All that was said.
fn told() -> Checked<&'static Told> {
    static ONCE: OnceLock<Checked<Told>> = OnceLock::new();
    let told = ONCE.get_or_init(|| {
        let mut told = Told::new();
        for line in root::run()?.lines() {
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

/// What was said of a service: without pidward, with it, and both as they are shown.
fn of(service: &str) -> Checked<(Vec<String>, Vec<String>, String)> {
    let told = told()?;
    let of = |way: &str| {
        let key = (service.to_owned(), way.to_owned());
        told.get(&key).cloned().unwrap_or_default()
    };
    let (without, with) = (of("without"), of("with"));
    let shown = format!("without: {without:#?}\nwith: {with:#?}");
    match without.is_empty() {
        true => Err(Failure::new(
            "the test itself",
            format!("not checked\n{told:#?}"),
        )),
        false => Ok((without, with, shown)),
    }
}

/// Takes out what there is only with pidward; all of it has to be there.
fn take(with: &mut Vec<String>, more: &[&str], shown: &str) -> Checked {
    for more in more {
        match with.iter().position(|fact| fact == more) {
            Some(at) => drop(with.remove(at)),
            None => return Err(Failure::new(format!("not \"{more}\""), shown)),
        }
    }
    Ok(())
}

fn check_unit(unit: &str) -> Checked {
    let (without, mut with, shown) = of(&format!("{unit}.service"))?;
    take(&mut with, &units::only_with(unit), &shown)?;
    match with == without {
        true => Ok(()),
        false => Err(Failure::new("it behaves otherwise", shown)),
    }
}
