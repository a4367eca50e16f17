//! What watches over one process and starts it again: how each supervisor is started, and told to let it go.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::world::{World, evidence, path, write};
use serde::{Deserialize, Serialize};

/// A supervisor, or a container that has no other first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Supervisor {
    /// runsv(8) of runit.
    Runit,
    /// s6-supervise of s6.
    S6,
    /// supervise of daemontools.
    Daemontools,
    /// supervisord.
    Supervisord,
    /// A PID namespace whose first process is `run`.
    Container,
}

const SUPERVISORD: &str = "\
[unix_http_server]
file=/mnt/control
[supervisord]
user=root
nodaemon=true
pidfile=/mnt/control.pid
logfile=/mnt/control.log
childlogdir=/mnt
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///mnt/control
[program:service]
command=/mnt/service/run
autorestart=true
startsecs=0
startretries=1000
";

impl Supervisor {
    /// All.
    pub(crate) const ALL: [Self; 5] = [
        Self::Runit,
        Self::S6,
        Self::Daemontools,
        Self::Supervisord,
        Self::Container,
    ];

    /// Its word in the names of tests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Runit => "runit",
            Self::S6 => "s6",
            Self::Daemontools => "daemontools",
            Self::Supervisord => "supervisord",
            Self::Container => "container",
        }
    }

    /// Starts it, with this command as the service.
    pub(crate) fn start(self, world: &World, service: &[String]) -> Checked<Process> {
        let words = service.iter().map(|word| format!("'{word}'"));
        let words = words.collect::<Vec<_>>().join(" ");
        fs::create_dir(path("service")).doing("make the service")?;
        write("service/run", &format!("#!/bin/sh\nexec {words}\n"))?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path("service/run"), executable).doing("make it executable")?;
        write("supervise.conf", SUPERVISORD)?;
        world.start(match self {
            Self::Runit => &["runsv", "/mnt/service"],
            Self::S6 => &["s6-supervise", "/mnt/service"],
            Self::Daemontools => &["supervise", "/mnt/service"],
            Self::Supervisord => &["supervisord", "-c", "/mnt/supervise.conf"],
            Self::Container => &[
                "unshare",
                "--pid",
                "--fork",
                "--mount-proc",
                "/mnt/service/run",
            ],
        })
    }

    /// Tells it to end the service and not to start it again.
    pub(crate) fn stop(self, world: &World, supervisor: &Process) -> Checked {
        let command: &[&str] = match self {
            Self::Runit => &["sv", "down", "/mnt/service"],
            Self::S6 => &["s6-svc", "-d", "/mnt/service"],
            Self::Daemontools => &["svc", "-d", "/mnt/service"],
            Self::Supervisord => &["supervisorctl", "-c", "/mnt/supervise.conf", "stop", "all"],
            Self::Container => {
                let first = first(supervisor)?;
                return first.signal(Signal::SIGTERM).doing("signal PID 1");
            }
        };
        match world.run(command, &[], Deadline::seconds(20))?.as_str() {
            "exited 0" => Ok(()),
            status => Err(Failure::new(
                "the supervisor does not obey",
                format!("{status}\n{}", evidence()),
            )),
        }
    }
}

/// The first process of the container that this process has made.
fn first(unshare: &Process) -> Checked<Process> {
    let all = proc::others();
    let first = all.iter().find(|seen| seen.parent == unshare.pid);
    let first = first.and_then(|first| Process::living(first.pid));
    first.ok_or_else(|| Failure::new("no first process", evidence()))
}
