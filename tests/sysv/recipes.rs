//! The files of packaging/ for those who start, watch or rotate a daemon, each run as it lies there, with Debian's nginx as it
//! is configured; and the README, which shows their lines.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::{evidence, path};

use crate::Test;
use crate::machine::{Machine, Stamp, answers, comes_after, edit, ends, gone, packaged, recorded};

pub(crate) fn tests() -> Vec<Test> {
    let mut all = vec![
        crate::test(
            "supervisord_watches_a_daemon_in_the_background",
            supervisord,
        ),
        crate::test("monit_sees_a_death_and_starts_again", monit),
        crate::test("logrotate_signals_the_daemon_and_nobody_else", logrotate),
        crate::test("the_readme_shows_the_files_as_they_are", |_| readme()),
    ];
    all.extend(SUPERVISORS.iter().map(|supervisor| {
        let name = format!(
            "a_run_script_has_a_daemon_in_the_background_watched::{}",
            supervisor.name
        );
        crate::test(name, move |machine| supervised(machine, supervisor))
    }));
    all
}

const PIDFILE: &str = "/run/nginx.pid";

/// Waits for an nginx that serves, and has a guard.
fn serves(old: Option<&Stamp>) -> Checked<Process> {
    let daemon = comes_after(PIDFILE, old)?;
    recorded(PIDFILE, &daemon)?;
    request()?;
    Ok(daemon)
}

fn request() -> Checked {
    answers(80, "GET / HTTP/1.0\r\n\r\n")
}

/// Those that have a directory with a script.
struct Supervisor {
    /// The directory of packaging/.
    name: &'static str,
    /// Watches over one directory.
    start: &'static [&'static str],
    /// Ends the service.
    stop: &'static str,
}

const SUPERVISORS: [Supervisor; 3] = [
    Supervisor {
        name: "runit",
        start: &["runsv", "/mnt/service"],
        stop: "sv down /mnt/service",
    },
    Supervisor {
        name: "s6",
        start: &["s6-supervise", "/mnt/service"],
        stop: "s6-svc -d /mnt/service",
    },
    Supervisor {
        name: "daemontools",
        start: &["supervise", "/mnt/service"],
        stop: "svc -d /mnt/service",
    },
];

fn supervised(machine: &Machine, supervisor: &Supervisor) -> Checked {
    fs::create_dir(path("service")).doing("make a directory")?;
    let script = packaged(&format!("{}/run", supervisor.name));
    fs::copy(script, path("service/run")).doing("install the script")?;
    let process = machine.world.start(supervisor.start)?;
    is_watched(machine, &process, supervisor.stop)
}

fn supervisord(machine: &Machine) -> Checked {
    // None of the real machine's programs, but Debian's configuration.
    for entry in fs::read_dir("/etc/supervisor/conf.d")
        .doing("list programs")?
        .flatten()
    {
        fs::remove_file(entry.path()).doing("remove a program")?;
    }
    let program = "/etc/supervisor/conf.d/nginx.conf";
    fs::copy(packaged("supervisord/nginx.conf"), program).doing("install the program")?;
    let process = machine.world.start(&["supervisord", "-n"])?;
    is_watched(machine, &process, "supervisorctl stop nginx")
}

/// A death is seen and the daemon started again; what ends the service ends the daemon.
fn is_watched(machine: &Machine, supervisor: &Process, stop: &str) -> Checked {
    let first = serves(None)?;
    let old = Stamp::of(PIDFILE);
    first.signal(Signal::SIGTERM).doing("end the daemon")?;
    let second = serves(old.as_ref())?;
    machine.does(stop)?;
    ends(&second)?;
    gone(PIDFILE)?;
    match supervisor.is_dead() {
        true => Err(Failure::new("the supervisor is dead", evidence())),
        false => Ok(()),
    }
}

/// monit looks at its clock, not at the daemon: here each second.
fn monit(machine: &Machine) -> Checked {
    for directory in ["/etc/monit/conf.d", "/etc/monit/conf-enabled"] {
        for entry in fs::read_dir(directory).doing("list services")?.flatten() {
            fs::remove_file(entry.path()).doing("remove a service")?;
        }
    }
    edit("/etc/monit/monitrc", "set daemon  120", "set daemon 1")?;
    let control = "set httpd unixsocket /run/monit.sock allow root:root\n";
    fs::write("/etc/monit/conf.d/control", control).doing("have it listen")?;
    fs::copy(packaged("monit/nginx"), "/etc/monit/conf.d/nginx").doing("install the service")?;
    let process = machine.world.start(&["monit", "-I"])?;
    let first = serves(None)?;
    // Until it has seen that, it waits for it, and for half a minute at that.
    let seen = format!("'nginx' process is running with pid {}", first.pid);
    let says = || {
        fs::read_to_string(path("start.out"))
            .ok()
            .filter(|it| it.contains(&seen))
    };
    every_ten_milliseconds(Deadline::seconds(15), says)
        .ok_or_else(|| Failure::new("monit does not see it", evidence()))?;
    kill(&first)?;
    gone(PIDFILE)?;
    let second = serves(None)?;
    machine.does("monit stop nginx")?;
    ends(&second)?;
    gone(PIDFILE)?;
    match process.is_dead() {
        true => Err(Failure::new("monit is dead", evidence())),
        false => Ok(()),
    }
}

/// Kills the master, and its workers with it, which hold the port.
fn kill(master: &Process) -> Checked {
    let all = proc::others();
    let workers = all.iter().filter(|seen| seen.parent == master.pid);
    let workers: Vec<Process> = workers.filter_map(|seen| Process::open(seen.pid)).collect();
    for process in [master].into_iter().chain(&workers) {
        process.signal(Signal::SIGKILL).doing("kill nginx")?;
        ends(process)?;
    }
    Ok(())
}

const LOG: &str = "/var/log/nginx/access.log";

fn logrotate(machine: &Machine) -> Checked {
    for entry in fs::read_dir("/var/log/nginx").doing("list logs")?.flatten() {
        fs::remove_file(entry.path()).doing("remove a log")?;
    }
    let configuration = "/etc/logrotate.d/nginx";
    fs::copy(packaged("logrotate/nginx"), configuration).doing("install the configuration")?;
    let rotate = format!("logrotate --force --state /mnt/state {configuration}");
    machine.does("pidward run -- nginx")?;
    let daemon = serves(None)?;
    says_nothing(&machine.does(&rotate)?)?;
    // Its workers take the new file when they have heard of it.
    let written = || {
        request().ok()?;
        fs::metadata(LOG).ok().filter(|log| log.len() > 0)
    };
    every_ten_milliseconds(Deadline::seconds(10), written)
        .ok_or_else(|| Failure::new("the log is not opened again", evidence()))?;
    let old = fs::read_to_string(format!("{LOG}.1")).doing("read the old log")?;
    if old.is_empty() || daemon.is_dead() {
        return Err(Failure::new("another daemon", evidence()));
    }
    // A number that is another's now: one that would die of the signal.
    kill(&daemon)?;
    gone(PIDFILE)?;
    let stranger = machine.world.start(&["sleep", "1000"])?;
    fs::write(PIDFILE, format!("{}\n", stranger.pid)).doing("write a pidfile")?;
    fs::write(LOG, "something\n").doing("write a log")?;
    let answer = machine.line(&rotate)?;
    if stranger.is_dead() || answer.status == "exited 0" {
        return Err(Failure::new("a stranger was signalled", answer.said));
    }
    // No daemon, nobody to be told.
    fs::remove_file(PIDFILE).doing("remove the pidfile")?;
    fs::write(LOG, "something\n").doing("write a log")?;
    says_nothing(&machine.does(&rotate)?)
}

fn says_nothing(said: &str) -> Checked {
    match said.is_empty() {
        true => Ok(()),
        false => Err(Failure::new("says something", said)),
    }
}

/// Those whose lines the README shows, all but their comments.
const SHOWN: [&str; 7] = [
    "openrc/conf.d",
    "runit/run",
    "s6/run",
    "daemontools/run",
    "supervisord/nginx.conf",
    "monit/nginx",
    "logrotate/nginx",
];

fn readme() -> Checked {
    let source: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(source.join("README.md")).doing("read the README")?;
    for file in SHOWN {
        let lines = fs::read_to_string(packaged(file)).doing(file)?;
        let lines = lines.lines().filter(|line| !line.starts_with(['#', ';']));
        let block: String = lines.map(|line| format!("    {line}\n")).collect();
        if block.is_empty() || !text.contains(&format!("\n\n{block}\n")) {
            return Err(Failure::new(
                format!("the README does not show {file}"),
                block,
            ));
        }
    }
    Ok(())
}
