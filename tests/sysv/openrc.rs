//! OpenRC's services with pidward's lines in their settings, started by start-stop-daemon and by supervise-daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::evidence;

use crate::Test;
use crate::machine::{
    Machine, Stamp, answers, comes, comes_after, ends, gone, is_preloaded, packaged, recorded,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        crate::test("openrc_starts_a_daemon_that_leaves_no_pidfile", by_itself),
        crate::test(
            "openrc_supervises_a_daemon_that_leaves_no_pidfile",
            supervised,
        ),
        crate::test(
            "the_settings_in_packaging_are_those_that_are_written",
            packaged_lines,
        ),
    ]
}

const SERVICE: &str = "/etc/init.d/web";
const PIDFILE: &str = "/run/nginx.pid";

/// As Alpine's and Gentoo's services are: variables alone.
const BY_ITSELF: &str = "#!/sbin/openrc-run
command=/usr/sbin/nginx
pidfile=/run/nginx.pid
";

/// A daemon of one process, whose port is free when it is dead. It saves its data when it is stopped.
const SUPERVISED: &str = "#!/sbin/openrc-run
supervisor=supervise-daemon
command=/usr/bin/redis-server
command_args_foreground=\"--pidfile /run/redis.pid --dir /run\"
";

/// As if OpenRC had booted this.
pub(crate) fn booted() -> Checked {
    for directory in [
        "starting",
        "stopping",
        "started",
        "hotplugged",
        "wasinactive",
        "failed",
        "inactive",
        "scheduled",
        "exclusive",
        "daemons",
        "options",
        "tmp",
    ] {
        fs::create_dir_all(format!("/run/openrc/{directory}")).doing("make its directories")?;
    }
    fs::write("/run/openrc/softlevel", "default\n").doing("make its directories")
}

fn service(text: &str) -> Checked {
    booted()?;
    fs::write(SERVICE, text).doing("write a service")?;
    fs::set_permissions(SERVICE, fs::Permissions::from_mode(0o755)).doing("make it executable")
}

/// A script's action, in an environment that says nothing of pidward.
fn act(machine: &Machine, action: &str) -> Checked<String> {
    machine.does(&format!("{SERVICE} --nodeps --nocolor {action}"))
}

fn serves(guarded: bool, old: Option<&Stamp>) -> Checked<Process> {
    let daemon = comes_after(PIDFILE, old)?;
    answers(80, "GET / HTTP/1.0\r\n\r\n")?;
    if is_preloaded(&daemon) != guarded {
        return Err(Failure::new("the library", evidence()));
    }
    if guarded {
        recorded(PIDFILE, &daemon)?;
    }
    Ok(daemon)
}

fn by_itself(machine: &Machine) -> Checked {
    service(BY_ITSELF)?;
    let said_without = life(machine, false)?;
    machine.does("pidward drop-in openrc web --install")?;
    let said_with = life(machine, true)?;
    if said_with != said_without {
        let evidence = format!("{said_with:#?}\nwithout pidward {said_without:#?}");
        return Err(Failure::new("says something else", evidence));
    }
    machine.does("pidward drop-in openrc web --remove")?;
    match fs::exists("/etc/conf.d/web").doing("look for settings")? {
        true => Err(Failure::new("settings stayed", "/etc/conf.d/web")),
        false => Ok(()),
    }
}

/// Start, restart, death, and start again, with what was said.
fn life(machine: &Machine, guarded: bool) -> Checked<Vec<String>> {
    let mut said = vec![act(machine, "start")?];
    let first = serves(guarded, None)?;
    let old = Stamp::of(PIDFILE);
    said.push(act(machine, "restart")?);
    ends(&first)?;
    let second = serves(guarded, old.as_ref())?;
    second.signal(Signal::SIGKILL).doing("kill the daemon")?;
    ends(&second)?;
    if guarded {
        gone(PIDFILE)?;
    } else if !fs::exists(PIDFILE).doing("look for the pidfile")? {
        return Err(Failure::new("the test itself", "it goes by itself"));
    }
    machine.world.end_what_is_left(|_, _| false)?;
    said.push(act(machine, "zap")?);
    let old = Stamp::of(PIDFILE);
    said.push(act(machine, "start")?);
    let third = serves(guarded, old.as_ref())?;
    said.push(act(machine, "stop")?);
    ends(&third)?;
    gone(PIDFILE)?;
    Ok(said)
}

/// The supervisor starts it again, with the library, and stays; what it notes of its child is as without pidward.
fn supervised(machine: &Machine) -> Checked {
    service(SUPERVISED)?;
    let without = supervised_life(machine, false)?;
    machine.does("pidward drop-in openrc web --install")?;
    let with = supervised_life(machine, true)?;
    match with == without {
        true => Ok(()),
        false => Err(Failure::new(
            "says something else",
            format!("{with:#?}\nwithout pidward {without:#?}"),
        )),
    }
}

fn supervised_life(machine: &Machine, guarded: bool) -> Checked<Vec<String>> {
    const PIDFILE: &str = "/run/redis.pid";
    const SUPERVISORS: &str = "/run/supervise-web.pid";
    let serves = |old: Option<&Stamp>| -> Checked<Process> {
        let daemon = comes_after(PIDFILE, old)?;
        answers(6379, "PING\r\n")?;
        if guarded {
            recorded(PIDFILE, &daemon)?;
        }
        let noted = || {
            let number = fs::read_to_string("/run/openrc/options/web/child_pid").ok()?;
            (number.trim() == daemon.pid.to_string()).then_some(())
        };
        let noted = every_ten_milliseconds(Deadline::seconds(5), noted);
        let noted = noted.ok_or_else(|| Failure::new("another child is noted", evidence()));
        noted.map(|()| daemon)
    };
    let mut said = vec![act(machine, "start")?];
    let first = serves(None)?;
    let supervisor = comes(SUPERVISORS)?;
    said.push(act(machine, "status")?);
    let old = Stamp::of(PIDFILE);
    first.signal(Signal::SIGKILL).doing("kill the daemon")?;
    ends(&first)?;
    let second = serves(old.as_ref())?;
    said.push(act(machine, "status")?);
    said.push(act(machine, "stop")?);
    for process in [&second, &supervisor] {
        ends(process)?;
    }
    for pidfile in [PIDFILE, SUPERVISORS] {
        gone(pidfile)?;
    }
    said.extend(
        machine
            .line(&format!("{SERVICE} --nocolor status"))
            .map(|it| it.said),
    );
    Ok(said)
}

/// The file that the README shows.
fn packaged_lines(machine: &Machine) -> Checked {
    service(BY_ITSELF)?;
    machine.does("pidward drop-in openrc web --install")?;
    let written = fs::read_to_string("/etc/conf.d/web").doing("read the settings")?;
    let mut lines: Vec<&str> = written.lines().collect();
    lines.retain(|line| !line.starts_with("# pidward "));
    let file = packaged("openrc/conf.d");
    let shown = fs::read_to_string(file).doing("read the file")?;
    let shown: Vec<&str> = shown
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    match lines == shown {
        true => Ok(()),
        false => Err(Failure::new(
            "other lines",
            format!("{lines:#?}\n{shown:#?}"),
        )),
    }
}
