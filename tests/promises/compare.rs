//! The same life twice: without the shim, which shows what is expected, and with it.

use std::path::Path;
use std::process::Command;

use pidward_tests::failure::{Checked, Failure};

use crate::legacy::{Ended, Legacy};
use crate::programs::LEGACY;
use crate::scene::Scene;

/// One of the two lives.
pub(crate) struct Life<'a> {
    library: Option<&'a Path>,
    environment: &'a [(&'a str, &'a str)],
}

impl Life<'_> {
    /// Starts the daemon with its steps, words apart.
    pub(crate) fn start(&self, steps: &str) -> Checked<Legacy> {
        let mut command = self.command(&Scene::program(LEGACY));
        command.args(steps.split_whitespace());
        Legacy::start(command)
    }

    /// A program in the daemon's environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = bare(program);
        command.envs(self.environment.iter().copied());
        if let Some(library) = self.library {
            command.env("LD_PRELOAD", library);
        }
        command
    }

    /// A program that other libraries are preloaded into as well, some before the shim and some after it.
    pub(crate) fn command_among(&self, program: &Path, before: &str, after: &str) -> Command {
        let shim = self.library.map(|library| library.display().to_string());
        let all = [before, shim.as_deref().unwrap_or_default(), after];
        let all: Vec<_> = all.into_iter().filter(|name| !name.is_empty()).collect();
        let mut command = self.command(program);
        if !all.is_empty() {
            command.env("LD_PRELOAD", all.join(":"));
        }
        command
    }

    /// The setting that preloads the shim, for those who set it themselves; nothing in the life without it.
    pub(crate) fn preload(&self) -> String {
        self.library
            .map(|library| format!("LD_PRELOAD={}", library.display()))
            .unwrap_or_default()
    }

    /// Whether it is the one with the shim.
    pub(crate) fn has_shim(&self) -> bool {
        self.library.is_some()
    }
}

/// A program in an environment of nothing but what programs need.
pub(crate) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C");
    command
}

/// Lets another process, which never heard of pidward, do something.
pub(crate) fn bystander(steps: &str) -> Checked<Ended> {
    let mut command = bare(&Scene::program(LEGACY));
    command.args(steps.split_whitespace());
    Legacy::start(command)?.end()
}

/// What the two lives came to.
#[derive(Debug)]
pub(crate) struct Both {
    without: Ended,
    with: Ended,
}

/// What is set in an environment.
pub(crate) type Setting = &'static [(&'static str, &'static str)];

/// The environment in which no guard is started.
pub(crate) const NO_GUARD: (&str, &str) = ("PIDWARD_GUARD", "off");

/// The environment in which guards are started, but leave at once.
pub(crate) const NO_GUARD_STAYS: (&str, &str) = ("PIDWARD_GUARD_EXE", "/bin/true");

impl Scene {
    /// Both lives of a daemon that only does its steps, without a guard.
    pub(crate) fn both(&self, steps: &str) -> Checked<Both> {
        self.both_in(&[NO_GUARD], |life| life.start(steps)?.end())
    }

    /// Both lives, without a guard; `live` starts the daemon and gives its end.
    pub(crate) fn both_with(&self, live: impl Fn(&Life<'_>) -> Checked<Ended>) -> Checked<Both> {
        self.both_in(&[NO_GUARD], live)
    }

    /// Both lives, in this environment.
    pub(crate) fn both_in(
        &self,
        environment: &[(&str, &str)],
        live: impl Fn(&Life<'_>) -> Checked<Ended>,
    ) -> Checked<Both> {
        self.clear()?;
        let without = live(&Life {
            library: None,
            environment,
        })?;
        self.clear()?;
        let with = live(&Life {
            library: Some(&self.library),
            environment,
        })?;
        Ok(Both { without, with })
    }
}

impl Both {
    /// Both ended alike and said the same; with the shim these files, and no others, were gone at that moment.
    pub(crate) fn removed(&self, files: &[&str]) -> Checked {
        let expected = Ended {
            left: self
                .without
                .left
                .iter()
                .filter(|file| !files.contains(&file.as_str()))
                .cloned()
                .collect(),
            ..self.without.clone()
        };
        // What the daemon itself says of steps that did not work (programs/legacy/).
        if matches!(self.without.status.code(), Some(98 | 99)) {
            return Err(Failure::new("the test itself", self.evidence()));
        }
        if let Some(missing) = files
            .iter()
            .find(|file| !self.without.left.iter().any(|left| left == **file))
        {
            let message = format!("{missing} is gone without the shim\n{}", self.evidence());
            return Err(Failure::new("the test itself", message));
        }
        let what = if self.with.status != expected.status {
            "another wait status"
        } else if self.with.said != expected.said {
            "sees something else"
        } else if self.with.left != expected.left {
            "leaves other files"
        } else {
            return Ok(());
        };
        Err(Failure::new(what, self.evidence()))
    }

    /// Both ended alike, said the same and left the same files.
    pub(crate) fn are_the_same(&self) -> Checked {
        self.removed(&[])
    }

    fn evidence(&self) -> String {
        format!(
            "without the shim {:#?}\nwith the shim {:#?}",
            self.without, self.with
        )
    }
}
