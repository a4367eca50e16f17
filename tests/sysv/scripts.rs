//! Debian's init scripts, run as they are: with pidward's lines in the settings they do and say what they do without, but for
//! one thing. After a death they know that the daemon is not running, where without them a pidfile is left.

use std::fs;

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::evidence;

use crate::Test;
use crate::machine::{Answer, Machine, Stamp, comes_after, ends, gone, is_preloaded, recorded};
use crate::services::{SERVICES, Service};

pub(crate) fn tests() -> Vec<Test> {
    let each = |service: &'static Service| {
        crate::test(
            format!(
                "the_script_tells_the_truth_about_a_dead_daemon::{}",
                service.name
            ),
            move |machine| check(machine, service),
        )
    };
    SERVICES.iter().map(each).collect()
}

fn check(machine: &Machine, service: &Service) -> Checked {
    (service.prepare)(machine)?;
    let name = service.name;
    let settings = || fs::read(service.settings).ok();
    let before = settings();
    let without = live(machine, service, false)?;
    let done = machine.does(&format!("pidward drop-in sysv {name} --install"))?;
    let expected = format!(
        "wrote {}\nNow run: /etc/init.d/{name} restart\n",
        service.settings
    );
    if done != expected {
        return Err(Failure::new("says something else", done));
    }
    let with = live(machine, service, true)?;
    machine.does(&format!("pidward drop-in sysv {name} --remove"))?;
    if settings() != before {
        return Err(Failure::new("other settings are left", service.settings));
    }
    compare(&without, &with)
}

/// The only difference is what is known of the daemon that was killed.
fn compare(without: &[Step], with: &[Step]) -> Checked {
    for (one, other) in without.iter().zip(with) {
        let expected = match one.what {
            AFTER_DEATH => {
                one.answer.is("exited 1")?;
                Answer {
                    status: "exited 3".into(),
                    ..other.answer.clone()
                }
            }
            _ => one.answer.clone(),
        };
        if other.answer != expected {
            let evidence = format!("without: {one:#?}\nwith: {other:#?}");
            return Err(Failure::new("another answer", evidence));
        }
    }
    match without.len() == with.len() {
        true => Ok(()),
        false => Err(Failure::new("the test itself", "another life")),
    }
}

const AFTER_DEATH: &str = "status after death";

/// What was done, and what the script answered.
#[derive(Debug)]
struct Step {
    what: &'static str,
    answer: Answer,
}

/// One life: all that scripts do, and a death in the middle.
fn live(machine: &Machine, service: &Service, guarded: bool) -> Checked<Vec<Step>> {
    let life = Life {
        machine,
        service,
        guarded,
    };
    let mut steps = Vec::new();
    let mut act = |what: &'static str, action: &str| -> Checked {
        let answer = life.act(action)?;
        steps.push(Step { what, answer });
        Ok(())
    };
    act("start", "start")?;
    let mut daemon = life.serves(None)?;
    act("second start", "start")?;
    act("status", "status")?;
    if let Some(reload) = service.reload {
        let old = Stamp::of(service.pidfile).filter(|_| service.rewrites);
        act("reload", reload)?;
        daemon = life.serves(old.as_ref())?;
    }
    let old = Stamp::of(service.pidfile);
    act("restart", "restart")?;
    ends(&daemon)?;
    daemon = life.serves(old.as_ref())?;
    act("status after restart", "status")?;
    act("stop", "stop")?;
    ends(&daemon)?;
    gone(service.pidfile)?;
    act("status after stop", "status")?;
    act("start after stop", "start")?;
    daemon = life.serves(None)?;
    daemon.signal(Signal::SIGKILL).doing("kill the daemon")?;
    ends(&daemon)?;
    life.is_as_expected_after_death()?;
    // Children of the daemon's serve on, and hold its port.
    machine.world.end_what_is_left(|_, _| false)?;
    act(AFTER_DEATH, "status")?;
    let old = Stamp::of(service.pidfile);
    act("start after death", "start")?;
    daemon = life.serves(old.as_ref())?;
    act("status after all", "status")?;
    act("stop after all", "stop")?;
    ends(&daemon)?;
    gone(service.pidfile)?;
    Ok(steps)
}

struct Life<'a> {
    machine: &'a Machine,
    service: &'a Service,
    guarded: bool,
}

impl Life<'_> {
    fn act(&self, action: &str) -> Checked<Answer> {
        let script = format!("/etc/init.d/{}", self.service.name);
        self.machine.run(&[&script, action])
    }

    /// Waits for the daemon, and for its guard where there is to be one.
    fn serves(&self, old: Option<&Stamp>) -> Checked<Process> {
        let pidfile = self.service.pidfile;
        let daemon = comes_after(pidfile, old)?;
        (self.service.ready)()?;
        if is_preloaded(&daemon) != self.guarded {
            let message = format!("preloaded: {}\n{}", !self.guarded, evidence());
            return Err(Failure::new("the library", message));
        }
        if self.guarded {
            recorded(pidfile, &daemon)?;
            let line = format!("pidward status {pidfile}");
            self.machine.line(&line)?.says("exited 0", "(verified")?;
        }
        Ok(daemon)
    }

    fn is_as_expected_after_death(&self) -> Checked {
        let pidfile = self.service.pidfile;
        if self.guarded {
            return gone(pidfile);
        }
        match fs::exists(pidfile).doing(pidfile)? {
            true => Ok(()),
            false => Err(Failure::new(
                "the test itself",
                "the pidfile goes by itself",
            )),
        }
    }
}
