//! vsftpd, which writes no pidfile: start-stop-daemon does, as in Debian's init script. The listener is without a seccomp
//! filter, and the processes of each session set one, by prctl(2).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::watch::every_ten_milliseconds;
use pidward_tests::world::{World, directory_of, evidence, owner, write};

use crate::daemon::{Daemon, Ready};
use crate::story::{Story, Teller, Told};
use crate::ways::Mode;

const PORT: u16 = 2121;

const PIDFILE: &str = "/run/vsftpd/vsftpd.pid";

const CONFIGURATION: &str = "\
listen=YES
listen_address=127.0.0.1
listen_port=2121
anonymous_enable=YES
anon_root=/mnt/ftp
secure_chroot_dir=/run/vsftpd/empty
seccomp_sandbox=YES
vsftpd_log_file=/mnt/vsftpd.log
xferlog_enable=YES
";

fn prepare(_: &World) -> Checked {
    for directory in ["/run/vsftpd", "/run/vsftpd/empty", "/mnt/ftp"] {
        directory_of("root", directory)?;
    }
    write("vsftpd.conf", CONFIGURATION)
}

pub(crate) const DAEMON: Daemon = Daemon {
    name: "vsftpd",
    package: "vsftpd",
    prepare,
    pidfile: PIDFILE,
    start: &[
        "start-stop-daemon",
        "--start",
        "--background",
        "--make-pidfile",
        "--pidfile",
        PIDFILE,
        "--exec",
        "/usr/sbin/vsftpd",
        "--",
        "/mnt/vsftpd.conf",
    ],
    ready: &[Ready::Holds(serves)],
    stop: Some(&[
        "start-stop-daemon",
        "--stop",
        "--retry",
        "10",
        "--pidfile",
        PIDFILE,
        "--exec",
        "/usr/sbin/vsftpd",
    ]),
    modes: &Mode::ALL,
    ..Daemon::USUAL
};

/// In a session that ends before its user has logged in, and in one that ends after.
const SESSIONS: [&[&str]; 2] = [&[], &["USER anonymous", "PASS guest", "PWD", "NOOP"]];

/// The session's processes end as they do without pidward: of a system call that vsftpd's own filter forbids it, too.
pub(crate) const SESSIONS_END: Story = Story {
    name: "sessions_under_their_filters_end_as_without",
    daemon: &DAEMON,
    modes: &Mode::ALL,
    tell: |teller: &Teller<'_>| {
        let mut seen = Vec::new();
        for commands in SESSIONS {
            let mut session = Session::open()?;
            for command in commands {
                session.ask(command)?;
            }
            seen.extend(session.watched_to_its_end()?);
        }
        Ok(Told {
            owner: teller.named()?,
            seen,
        })
    },
};

fn serves() -> Checked {
    let mut session = Session::open()?;
    for command in ["USER anonymous", "PASS guest", "QUIT"] {
        session.ask(command)?;
    }
    match session.said.last().map(String::as_str) {
        Some("221 Goodbye.") => is_reaped(&session.broker),
        _ => Err(Failure::new("not ready", format!("{:?}", session.said))),
    }
}

/// A session as a client has it. Its processes are the broker, the listener's child, and the broker's own child, which
/// speaks with the client.
struct Session {
    listener: Process,
    broker: Process,
    control: BufReader<TcpStream>,
    said: Vec<String>,
}

impl Session {
    fn open() -> Checked<Self> {
        // start-stop-daemon does not wait until the daemon listens.
        let deadline = Deadline::seconds(15);
        let connected =
            every_ten_milliseconds(deadline, || TcpStream::connect(("127.0.0.1", PORT)).ok());
        let control = connected.ok_or_else(|| Failure::new("not ready", evidence()))?;
        let patience = Some(Duration::from_secs(15));
        control
            .set_read_timeout(patience)
            .doing("wait for replies")?;
        let mut control = BufReader::new(control);
        let greeting = reply(&mut control)?;
        let listener = owner(PIDFILE.as_ref()).ok_or("none").doing("a listener")?;
        Ok(Self {
            broker: child_of(&listener)?,
            listener,
            control,
            said: vec![greeting],
        })
    }

    fn ask(&mut self, command: &str) -> Checked {
        let line = format!("{command}\r\n");
        let sent = self.control.get_mut().write_all(line.as_bytes());
        sent.doing(command)?;
        self.said.push(reply(&mut self.control)?);
        Ok(())
    }

    /// What it said, and the wait statuses of its processes. Each is looked at while its parent is stopped, which would
    /// take it away.
    fn watched_to_its_end(mut self) -> Checked<Vec<String>> {
        let speaker = child_of(&self.broker)?;
        // It has a filter for this architecture only.
        if cfg!(target_arch = "x86_64") && !proc::is_filtered(speaker.pid) {
            return Err(Failure::new("the test itself", "there is no filter"));
        }
        self.broker
            .signal(Signal::SIGSTOP)
            .doing("stop the broker")?;
        self.ask("QUIT")?;
        let speakers = status_of(&speaker)?;
        self.listener
            .signal(Signal::SIGSTOP)
            .doing("stop the listener")?;
        self.broker
            .signal(Signal::SIGCONT)
            .doing("continue the broker")?;
        let brokers = status_of(&self.broker)?;
        self.listener
            .signal(Signal::SIGCONT)
            .doing("continue the listener")?;
        is_reaped(&self.broker)?;
        self.said
            .push(format!("wait statuses {speakers}, {brokers}"));
        Ok(self.said)
    }
}

fn reply(control: &mut BufReader<TcpStream>) -> Checked<String> {
    let mut line = String::new();
    control.read_line(&mut line).doing("read a reply")?;
    Ok(line.trim_end().to_owned())
}

fn child_of(parent: &Process) -> Checked<Process> {
    let mut others = proc::others().into_iter();
    let child = others.find(|seen| seen.parent == parent.pid && !seen.is_zombie());
    let child = child.and_then(|seen| Process::living(seen.pid));
    child.ok_or_else(|| Failure::new("the test itself", format!("no child\n{}", evidence())))
}

fn status_of(process: &Process) -> Checked<i32> {
    if !process.dies_by(Deadline::seconds(15)) {
        return Err(Failure::new("a session does not end", evidence()));
    }
    proc::wait_status(process.pid)
        .ok_or("gone")
        .doing("a wait status")
}

/// Waits until its parent has learnt of its death, of which nothing tells.
fn is_reaped(process: &Process) -> Checked {
    let gone = || Process::open(process.pid).is_none().then_some(());
    let reaped = every_ten_milliseconds(Deadline::seconds(15), gone);
    reaped.ok_or_else(|| Failure::new("a session stays", evidence()))
}
