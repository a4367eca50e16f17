//! The same life without the shim, which shows what is expected, with the shim asleep, and with its stand-ins in place.
//!
//! The shim sleeps because the daemon's pidfiles have names of which it knows nothing: what ends in `pid` ends in `pod`.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use pidward_tests::failure::{Checked, Failure};

use crate::legacy::{Ended, Legacy};
use crate::programs::LEGACY;
use crate::scene::Scene;

/// What wakes the shim, and what it is called where the shim is to sleep.
const NAMES: [(&str, &str); 2] = [("pid", "pod"), ("PID", "POD")];

/// One of the lives.
pub(crate) struct Life<'a> {
    library: Option<&'a Path>,
    asleep: bool,
    environment: &'a [(&'a str, &'a str)],
}

impl Life<'_> {
    /// Starts the daemon with its steps, words apart.
    pub(crate) fn start(&self, steps: &str) -> Checked<Legacy> {
        let mut command = self.command(&Scene::program(LEGACY));
        command.args(steps.split_whitespace().map(|word| self.named(word)));
        Legacy::start(command)
    }

    /// The word, when it is a pidfile's name by another name where the shim sleeps.
    fn named(&self, word: &str) -> String {
        let mut names = NAMES.iter().filter(|_| self.asleep);
        let renamed =
            names.find_map(|(awake, asleep)| Some([word.strip_suffix(awake)?, asleep].concat()));
        renamed.unwrap_or_else(|| word.to_owned())
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

/// The command, started by these words. Its environment is its own, and not theirs.
pub(crate) fn below(words: &[&str], plain: &Command) -> Command {
    let mut command = bare("/usr/bin/env".as_ref());
    command.args(words).arg("env");
    for (name, value) in plain.get_envs() {
        let mut setting = OsString::from(name);
        setting.push("=");
        setting.push(value.unwrap_or_default());
        command.arg(setting);
    }
    command.arg(plain.get_program()).args(plain.get_args());
    command
}

/// Lets another process, which never heard of pidward, do something.
pub(crate) fn bystander(steps: &str) -> Checked<Ended> {
    let mut command = bare(&Scene::program(LEGACY));
    command.args(steps.split_whitespace());
    Legacy::start(command)?.end()
}

/// What the lives came to.
#[derive(Debug)]
pub(crate) struct Lives {
    without: Ended,
    asleep: Option<Ended>,
    with: Ended,
}

/// What is set in an environment.
pub(crate) type Setting = &'static [(&'static str, &'static str)];

/// The environment in which no guard is started.
pub(crate) const NO_GUARD: (&str, &str) = ("PIDWARD_GUARD", "off");

/// The environment in which guards are started, but leave at once.
pub(crate) const NO_GUARD_STAYS: (&str, &str) = ("PIDWARD_GUARD_EXE", "/bin/true");

impl Scene {
    /// All lives of a daemon that only does its steps, without a guard.
    pub(crate) fn lives(&self, steps: &str) -> Checked<Lives> {
        self.lives_of(|life| life.start(steps)?.end())
    }

    /// All lives, without a guard; `live` starts the daemon, whose pidfiles nobody else names, and gives its end.
    pub(crate) fn lives_of(&self, live: impl Fn(&Life<'_>) -> Checked<Ended>) -> Checked<Lives> {
        let environment = [NO_GUARD];
        let both = self.both_in(&environment, &live)?;
        self.clear()?;
        let asleep = live(&Life {
            library: Some(&self.library),
            asleep: true,
            environment: &environment,
        })?;
        Ok(Lives {
            asleep: Some(as_if_awake(asleep)),
            ..both
        })
    }

    /// The lives without the shim and with it, without a guard.
    pub(crate) fn both_with(&self, live: impl Fn(&Life<'_>) -> Checked<Ended>) -> Checked<Lives> {
        self.both_in(&[NO_GUARD], live)
    }

    /// The lives without the shim and with it, in this environment.
    pub(crate) fn both_in(
        &self,
        environment: &[(&str, &str)],
        live: impl Fn(&Life<'_>) -> Checked<Ended>,
    ) -> Checked<Lives> {
        let life = |library| {
            self.clear()?;
            live(&Life {
                library,
                asleep: false,
                environment,
            })
        };
        Ok(Lives {
            without: life(None)?,
            asleep: None,
            with: life(Some(&self.library))?,
        })
    }
}

/// With the names that wake the shim in what was said and left.
fn as_if_awake(ended: Ended) -> Ended {
    let renamed = |text: String| {
        NAMES
            .iter()
            .fold(text, |text, (awake, asleep)| text.replace(asleep, awake))
    };
    Ended {
        steps: renamed(ended.steps),
        status: ended.status,
        said: renamed(ended.said),
        left: ended.left.into_iter().map(renamed).collect(),
    }
}

impl Lives {
    /// All ended alike and said the same; with stand-ins these files, and no others, were gone at that moment.
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
        let asleep = self.asleep.as_ref();
        let difference = self.with.differs_from(&expected);
        match difference.or_else(|| asleep?.differs_from(&self.without)) {
            Some(what) => Err(Failure::new(what, self.evidence())),
            None => Ok(()),
        }
    }

    /// All ended alike, said the same and left the same files.
    pub(crate) fn are_the_same(&self) -> Checked {
        self.removed(&[])
    }

    fn evidence(&self) -> String {
        format!(
            "without the shim {:#?}\nwith the shim asleep {:#?}\nwith the shim {:#?}",
            self.without, self.asleep, self.with
        )
    }
}

impl Ended {
    /// In what, if in anything.
    fn differs_from(&self, expected: &Self) -> Option<&'static str> {
        [
            (self.status != expected.status, "another wait status"),
            (self.said != expected.said, "sees something else"),
            (self.left != expected.left, "leaves other files"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }
}
