//! Init systems: services without pidward and with the drop-in that it prints, in a container made by systemd-nspawn. Whatever
//! `systemctl` or the scripts tell of them is the same, but for what a crash leaves.
//!
//! Under systemd as the first process, Debian's own units and a few of each other kind ([`units`]); without it, Debian's scripts
//! in /etc/init.d. One container each: [`root`] makes it, and the scripts `check-systemd` and `check-sysv` beside this file run
//! in it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::OnceLock;

use libtest_mimic::{Arguments, Failed, Trial};
use pidward_tests::failure::{Checked, Failure};

mod root;
mod units;

use root::Init;

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
    let script = |script: &'static str| {
        Trial::test(
            format!("a_script_tells_the_truth_with_its_drop_in::{script}"),
            move || check_script(script).map_err(Failed::from),
        )
    };
    let units = units::ALL.iter().copied().map(unit);
    let scripts = SCRIPTS.iter().copied().map(script);
    libtest_mimic::run(&arguments, units.chain(scripts).collect()).exit_code()
}

/// All that was said.
fn told(init: Init) -> Checked<&'static Told> {
    static SYSTEMD: OnceLock<Checked<Told>> = OnceLock::new();
    static SYSV: OnceLock<Checked<Told>> = OnceLock::new();
    let once = match init {
        Init::Systemd => &SYSTEMD,
        Init::Sysv => &SYSV,
    };
    let told = once.get_or_init(|| {
        let mut told = Told::new();
        for line in root::run(init)?.lines() {
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
fn of(init: Init, service: &str) -> Checked<(Vec<String>, Vec<String>, String)> {
    let told = told(init)?;
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
    let (without, mut with, shown) = of(Init::Systemd, &format!("{unit}.service"))?;
    take(&mut with, units::only_with(unit), &shown)?;
    match with == without {
        true => Ok(()),
        false => Err(Failure::new("it behaves otherwise", shown)),
    }
}

/// Debian's.
const SCRIPTS: [&str; 6] = ["ssh", "nginx", "redis-server", "rsyslog", "cron", "haproxy"];

/// LSB: the program is dead and its pidfile exists; the program is not running.
const STALE: &str = "status-when-killed 1";
const NOT_RUNNING: &str = "status-when-killed 3";

fn check_script(script: &str) -> Checked {
    let (mut without, mut with, shown) = of(Init::Sysv, script)?;
    let more = [
        "drop-in 0",
        "record there",
        "pidfile gone",
        "files gone",
        NOT_RUNNING,
    ];
    take(&mut with, &more, &shown)?;
    // What a crash leaves, as long as nobody removes it.
    without.retain(|fact| fact != STALE && fact != NOT_RUNNING);
    match with == without {
        true => Ok(()),
        false => Err(Failure::new("it behaves otherwise", shown)),
    }
}
