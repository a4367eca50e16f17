//! `pidward run` in a script that goes by the daemon's executable: behind --startas, and not in the place of the daemon.

use std::path::Path;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;

use crate::Test;
use crate::machine::{Machine, comes, comes_after, edit, ends, gone, recorded};
use crate::services::{SERVICES, Service};

const SCRIPT: &str = "/etc/init.d/rsyslog";

/// The daemon, as Debian's script has it started.
const STARTED: &str = "--exec $DAEMON -- $RSYSLOGD_OPTIONS";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        crate::test("a_script_with_startas_still_knows_its_daemon", startas),
        crate::test("run_in_the_place_of_the_daemon_is_a_trap", trap),
    ]
}

fn prepared(machine: &Machine) -> Checked<&'static Service> {
    let service = SERVICES.iter().find(|it| it.name == "rsyslog");
    let service = service.ok_or("none").doing("rsyslog")?;
    (service.prepare)(machine)?;
    Ok(service)
}

/// The recipe as `pidward drop-in` prints it, with this script's words.
fn startas(machine: &Machine) -> Checked {
    let service = prepared(machine)?;
    let recipe = "--exec $DAEMON --startas /usr/local/bin/pidward -- run -p $PIDFILE -- $DAEMON";
    edit(SCRIPT, STARTED, &format!("{recipe} $RSYSLOGD_OPTIONS"))?;
    // What a power cut has left, with a number that is another's now.
    std::fs::write(service.pidfile, "2147483647\n").doing("write a stale pidfile")?;
    machine.does("/etc/init.d/rsyslog start")?;
    let first = comes(service.pidfile)?;
    is(&first, "/usr/sbin/rsyslogd")?;
    recorded(service.pidfile, &first)?;
    let again = machine.line("/etc/init.d/rsyslog start")?;
    again.says("exited 0", "already started")?;
    machine.does("/etc/init.d/rsyslog restart")?;
    ends(&first)?;
    let second = comes_after(service.pidfile, None)?;
    recorded(service.pidfile, &second)?;
    second.signal(Signal::SIGKILL).doing("kill the daemon")?;
    ends(&second)?;
    gone(service.pidfile)?;
    machine.line("/etc/init.d/rsyslog status")?.is("exited 3")?;
    machine.does("/etc/init.d/rsyslog start")?;
    let third = comes(service.pidfile)?;
    recorded(service.pidfile, &third)?;
    let stopped = machine.does("/etc/init.d/rsyslog stop")?;
    if stopped.contains("already stopped") {
        return Err(Failure::new("does not know its daemon", stopped));
    }
    ends(&third)?;
    gone(service.pidfile)
}

fn is(process: &Process, program: &str) -> Checked {
    let executed = std::fs::read_link(format!("/proc/{}/exe", process.pid));
    match executed.doing("look at the program")? == Path::new(program) {
        true => Ok(()),
        false => Err(Failure::new("another program", process.pid)),
    }
}

/// The README says so: the script does not find its daemon, and does not stop it.
fn trap(machine: &Machine) -> Checked {
    let service = prepared(machine)?;
    edit(
        SCRIPT,
        "DAEMON=/usr/sbin/rsyslogd",
        "DAEMON=/usr/local/bin/pidward",
    )?;
    edit(
        SCRIPT,
        STARTED,
        "--exec $DAEMON -- run -- /usr/sbin/rsyslogd $RSYSLOGD_OPTIONS",
    )?;
    machine.does("/etc/init.d/rsyslog start")?;
    let daemon = comes(service.pidfile)?;
    recorded(service.pidfile, &daemon)?;
    let stopped = machine.does("/etc/init.d/rsyslog stop")?;
    match stopped.contains("already stopped") && !daemon.is_dead() {
        true => Ok(()),
        false => Err(Failure::new("it is no trap any more", stopped)),
    }
}
