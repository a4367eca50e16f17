//! What there is to know of a daemon to run it in a scratch directory. Each has a file of its own beside this one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::SCRATCH;
use pidward_tests::proc;
use pidward_tests::watch::Watch;
use pidward_tests::world::{World, evidence, owner, path};

use crate::ways::Mode;

/// A daemon from a Debian package. Relative paths are in the scratch directory, where its commands run.
pub(crate) struct Daemon {
    /// Its room's name.
    pub(crate) name: &'static str,
    /// The package that it comes from.
    pub(crate) package: &'static str,
    /// The user that starts it, where that is not root.
    pub(crate) user: Option<&'static str>,
    /// What is made once for all cells, as an archive in tar's format that is unpacked in each.
    pub(crate) stock: Option<fn(&World) -> Checked<PathBuf>>,
    /// Makes its configuration and directories.
    pub(crate) prepare: fn(&World) -> Checked,
    /// The file that it writes its PID to.
    pub(crate) pidfile: &'static str,
    /// Its usual command.
    pub(crate) start: &'static [&'static str],
    /// When its start is over: after the pidfile is there, each of these in turn.
    pub(crate) ready: &'static [Ready],
    /// Its own stop command.
    pub(crate) stop: Option<&'static [&'static str]>,
    /// Whether it is linked statically: no preload reaches it.
    pub(crate) is_static: bool,
    /// In which modes it is compared with its baseline.
    pub(crate) modes: &'static [Mode],
}

impl Daemon {
    /// Most are like this; a daemon says what is its own.
    pub(crate) const USUAL: Self = Self {
        name: "",
        package: "",
        user: None,
        stock: None,
        prepare: |_| Ok(()),
        pidfile: "",
        start: &[],
        ready: &[],
        stop: None,
        is_static: false,
        modes: &Mode::USUAL,
    };

    /// Where its pidfile is.
    pub(crate) fn pidfile(&self) -> PathBuf {
        path(self.pidfile)
    }
}

/// A sign that a daemon works as it should.
pub(crate) enum Ready {
    /// A file of this name contains these words.
    Says(&'static str, &'static str),
    /// It answers this request at this TCP port.
    Answers(u16, &'static str),
    /// This command succeeds.
    Succeeds(&'static [&'static str]),
    /// The process that this pidfile names is under a seccomp filter.
    Filtered(&'static str),
    /// This holds.
    Holds(fn() -> Checked),
}

impl Ready {
    /// Forgets what an earlier instance said.
    pub(crate) fn forget(&self) {
        if let Self::Says(file, _) = self {
            // None there is what is wanted.
            let _ = std::fs::remove_file(path(file));
        }
    }

    /// Waits for the sign.
    pub(crate) fn wait(&self, world: &World) -> Checked {
        let deadline = Deadline::seconds(15);
        match self {
            Self::Says(file, words) => says(file, words, deadline),
            Self::Answers(port, request) => {
                answers(*port, request).doing(format!("ask at port {port}\n{}", evidence()))
            }
            Self::Succeeds(command) => match world.run(command, &[], deadline)?.as_str() {
                "exited 0" => Ok(()),
                status => Err(Failure::new(
                    "not ready",
                    format!("{}: {status}", command.join(" ")),
                )),
            },
            Self::Filtered(pidfile) => match owner(pidfile.as_ref()) {
                Some(process) if proc::is_filtered(process.pid) => Ok(()),
                _ => Err(Failure::new("the test itself", "there is no filter")),
            },
            Self::Holds(check) => check(),
        }
    }
}

/// Waits until a file of this name contains these words.
pub(crate) fn says(file: &str, words: &str, deadline: Deadline) -> Checked {
    let file = path(file);
    let watch = Watch::on(&[file.parent().unwrap_or(SCRATCH.as_ref())])?;
    let look = || {
        std::fs::read_to_string(&file)
            .ok()?
            .contains(words)
            .then_some(())
    };
    let said = watch.until(deadline, &[], look);
    said.ok_or_else(|| {
        Failure::new(
            "not ready",
            format!(
                "{} does not say \"{words}\"\n{}",
                file.display(),
                evidence()
            ),
        )
    })
}

fn answers(port: u16, request: &str) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(15)))?;
    connection.write_all(request.as_bytes())?;
    connection.read_exact(&mut [0])
}
