//! An executable file: what it is, and what stands between it and a library that is to be preloaded.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::prctl;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{getgid, getuid};

use super::elf::{Elf, NoElf};
use crate::environment::Environment;
use crate::program::{Unrunnable, locate};
use crate::regular;

/// How many scripts may be each other's interpreters; execve(2) follows as many.
const DEPTH: usize = 5;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const GROUP_EXECUTE: u32 = 0o010;

/// A program.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The script that it is the interpreter of.
    pub(crate) script: Option<PathBuf>,
    /// Its headers.
    pub(crate) elf: Result<Elf, NoElf>,
    /// Of a file that may be looked at.
    pub(crate) file: Option<Attributes>,
}

/// What the file system says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attributes {
    /// The user whom it makes who executes it, if it does.
    pub(crate) setuid: Option<u32>,
    /// The group, likewise.
    pub(crate) setgid: Option<u32>,
    /// It has capabilities of its own, capabilities(7).
    pub(crate) capabilities: bool,
    /// It is on a mount where none of that counts.
    pub(crate) nosuid: bool,
}

/// Who executes a program, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    uid: u32,
    gid: u32,
    no_new_privileges: bool,
}

/// By what a program gains rights that its caller has not. The dynamic linker then preloads nothing (ld.so(8)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gain {
    User(u32),
    Group(u32),
    Capabilities,
    /// The kernel says that it does, and its file no more by what: a rule of a security module, or the file is another one now.
    Unknown,
}

impl Caller {
    /// Ourselves.
    pub(crate) fn own() -> Self {
        Self {
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            no_new_privileges: prctl::get_no_new_privs().unwrap_or_default(),
        }
    }

    /// Somebody who has root's group, as systemd starts who names no other.
    pub(crate) fn of_unit(uid: u32, no_new_privileges: bool) -> Self {
        Self {
            uid,
            gid: 0,
            no_new_privileges,
        }
    }
}

impl Attributes {
    pub(crate) fn of(path: &Path, file: &Metadata) -> Self {
        let mode = file.permissions().mode();
        let setgid = mode & SETGID != 0 && mode & GROUP_EXECUTE != 0;
        let mounted = statvfs(path).map(|it| it.flags());
        Self {
            setuid: (mode & SETUID != 0).then_some(file.uid()),
            setgid: setgid.then_some(file.gid()),
            capabilities: has_capabilities(path),
            nosuid: mounted.is_ok_and(|flags| flags.contains(FsFlags::ST_NOSUID)),
        }
    }

    /// What this caller gains by it. Of root's rights, capabilities are nothing new.
    pub(crate) fn gain(self, caller: Caller) -> Option<Gain> {
        if self.nosuid || caller.no_new_privileges {
            return None;
        }
        let user = self.setuid.filter(|&uid| uid != caller.uid);
        let group = self.setgid.filter(|&gid| gid != caller.gid);
        let capabilities = self.capabilities && caller.uid != 0;
        user.map(Gain::User)
            .or(group.map(Gain::Group))
            .or(capabilities.then_some(Gain::Capabilities))
    }

    /// What it gave to a process that did gain something by it.
    pub(super) fn given(self) -> Gain {
        let user = self.setuid.map(Gain::User);
        let given = user.or(self.setgid.map(Gain::Group));
        let capabilities = self.capabilities.then_some(Gain::Capabilities);
        given.or(capabilities).unwrap_or(Gain::Unknown)
    }
}

/// Whether the file gives capabilities (`struct vfs_cap_data`, include/uapi/linux/capability.h): the flag that makes them
/// effective, or any that are permitted.
fn has_capabilities(path: &Path) -> bool {
    const EFFECTIVE: u8 = 1;
    let mut data = [0_u8; 64];
    let length = rustix::fs::getxattr(
        path.as_os_str().as_bytes(),
        "security.capability",
        &mut data[..],
    )
    .unwrap_or_default();
    let data = data.get(..length).unwrap_or_default();
    // Little-endian: magic and flags, then permitted and inheritable, twice.
    let permitted = [4..8, 12..16].into_iter().filter_map(|it| data.get(it));
    data.first().is_some_and(|flags| flags & EFFECTIVE != 0)
        || permitted.flatten().any(|&byte| byte != 0)
}

impl Program {
    /// The program of this name; of a script, what runs it.
    ///
    /// # Errors
    /// When there is none that may be executed.
    pub(crate) fn named(name: &OsStr, environment: &Environment) -> Result<Self, Unrunnable> {
        let search = environment.get("PATH");
        let found = locate(name, search)?;
        let mut path = found.clone();
        for _ in 0..DEPTH {
            let Some(interpreter) = interpreter(&path) else {
                break;
            };
            path = locate(&interpreter, search).map_err(|_| Unrunnable::NoInterpreter)?;
        }
        let script = (path != found).then_some(found);
        Ok(Self {
            script,
            ..Self::at(&path, path.clone())
        })
    }

    /// The one that is reached by this path and goes by that.
    pub(crate) fn at(by: &Path, path: PathBuf) -> Self {
        let file = by.metadata().ok().map(|file| Attributes::of(by, &file));
        Self {
            elf: Elf::of(by),
            script: None,
            file,
            path,
        }
    }
}

/// What runs a script: what follows `#!`, or behind env(1) its first argument.
pub(super) fn interpreter(path: &Path) -> Option<std::ffi::OsString> {
    let mut line = Vec::new();
    regular::open(path)
        .ok()?
        .take(256)
        .read_to_end(&mut line)
        .ok()?;
    let line = line
        .strip_prefix(b"#!")?
        .split(|&byte| byte == b'\n')
        .next()?;
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let first = words.next()?;
    let word = if first.ends_with(b"/env") {
        let is_option = |word: &&[u8]| word.starts_with(b"-") || word.contains(&b'=');
        words.find(|word| !is_option(word)).unwrap_or(first)
    } else {
        first
    };
    Some(OsStr::from_bytes(word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_gained_only_by_who_has_not_got_them() {
        let root = Caller {
            uid: 0,
            gid: 0,
            no_new_privileges: false,
        };
        let app = Caller {
            uid: 33,
            gid: 33,
            ..root
        };
        let plain = Attributes {
            setuid: None,
            setgid: None,
            capabilities: false,
            nosuid: false,
        };
        let setuid = Attributes {
            setuid: Some(0),
            ..plain
        };
        let both = Attributes {
            setuid: Some(33),
            setgid: Some(7),
            ..plain
        };
        let capable = Attributes {
            capabilities: true,
            ..plain
        };
        for (file, caller, gain) in [
            (plain, app, None),
            (setuid, root, None),
            (setuid, app, Some(Gain::User(0))),
            (both, app, Some(Gain::Group(7))),
            (both, root, Some(Gain::User(33))),
            (capable, root, None),
            (capable, app, Some(Gain::Capabilities)),
            (
                Attributes {
                    nosuid: true,
                    ..setuid
                },
                app,
                None,
            ),
            (
                setuid,
                Caller {
                    no_new_privileges: true,
                    ..app
                },
                None,
            ),
        ] {
            assert_eq!(file.gain(caller), gain, "{file:?} {caller:?}");
        }
    }

    #[test]
    fn a_script_says_what_runs_it() {
        let path = std::env::temp_dir().join(format!("pidward-script-{}", std::process::id()));
        for (text, runs) in [
            ("#!/bin/sh\n", Some("/bin/sh")),
            ("#! /bin/sh -e\nx", Some("/bin/sh")),
            ("#!/usr/bin/env python3\n", Some("python3")),
            ("#!/usr/bin/env -S A=b perl -w\n", Some("perl")),
            ("#!\n", None),
            ("\x7fELF", None),
            ("", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                interpreter(&path).as_deref(),
                runs.map(OsStr::new),
                "{text:?}"
            );
        }
        std::fs::remove_file(&path).unwrap();
    }
}
