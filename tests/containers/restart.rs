//! A container is killed as a whole, and started again when the old number is alive in the new instance: without pidward
//! the daemon refuses, in its own words; with it, it comes up.

use pidward_tests::failure::{Checked, Failure};

use super::Test;
use super::daemons::{DAEMONS, Daemon};
use super::engine::{Container, Engine, PIDWARD};

pub(super) fn tests() -> Vec<Test> {
    let test = |daemon: &'static Daemon| -> Test {
        let name = format!("a_container_started_again_has_its_daemon::{}", daemon.comm);
        (name, Box::new(move |engine| check(engine, daemon)))
    };
    let recorded: Test = (
        "what_an_earlier_run_of_the_container_recorded_need_not_be_named".to_owned(),
        Box::new(recorded),
    );
    DAEMONS.iter().map(test).chain([recorded]).collect()
}

/// The library has seen the pidfile in the first run.
fn recorded(engine: &Engine) -> Checked {
    let daemon = DAEMONS.iter().find(|daemon| daemon.comm == "rsyslogd");
    let daemon = daemon.ok_or_else(|| Failure::new("the test itself", "no rsyslogd"))?;
    comes_up(engine, daemon, &[PIDWARD, "run", "--"])
}

fn check(engine: &Engine, daemon: &Daemon) -> Checked {
    let (without, old) = killed(engine, daemon, "without", &[])?;
    without.start_again()?;
    without.ends()?;
    let said = without.logs()?;
    if !said.contains(&daemon.refuses.replace("{}", &old.to_string())) {
        return Err(Failure::new("it does not refuse without pidward", said));
    }
    let mut pidward = vec![PIDWARD, "run", "-p", daemon.pidfile];
    pidward.extend(daemon.others.iter().flat_map(|other| ["-p", *other]));
    pidward.push("--");
    comes_up(engine, daemon, &pidward)
}

/// With this before the daemon it comes up again, and the old pidfile's removal is said.
fn comes_up(engine: &Engine, daemon: &Daemon, pidward: &[&str]) -> Checked {
    let (with, old) = killed(engine, daemon, "with", pidward)?;
    with.start_again()?;
    let new = with.is_up(daemon.pidfile, daemon.comm, Some(old))?;
    with.is_recorded(daemon.pidfile, new)?;
    let said = with.logs()?;
    let removed = format!("pidward: removed {}: pid {old} ", daemon.pidfile);
    if said.matches(&removed).count() != 1 {
        return Err(Failure::new("the removal is not said", said));
    }
    // The old number is alive: that was the point.
    let stranger = with.file(&format!("/proc/{old}/comm"))?;
    if !stranger.exists() {
        return Err(Failure::new("the test itself", "nobody has the old number"));
    }
    with.kill()
}

/// A container whose daemon was up, with the number that it had.
fn killed<'e>(
    engine: &'e Engine,
    daemon: &Daemon,
    name: &str,
    before: &[&str],
) -> Checked<(Container<'e>, i32)> {
    let user = daemon.user.map(|user| format!("--user={user}"));
    let options: Vec<&str> = user.iter().map(String::as_str).collect();
    let mut command = vec!["sh", "/etc/daemons/entrypoint", daemon.pidfile];
    command.extend(before);
    command.extend(daemon.start);
    let container = engine.start(name, &options, &command)?;
    let pid = container.is_up(daemon.pidfile, daemon.comm, None)?;
    if !before.is_empty() {
        for pidfile in daemon.others.iter().chain([&daemon.pidfile]) {
            container.is_recorded(pidfile, pid)?;
        }
    }
    container.kill()?;
    Ok((container, pid))
}
