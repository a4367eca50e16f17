//! What the guard was told: its arguments, which it puts in order for ps(1), and its environment.
//!
//! Its starters call it `pidward: guard`, with options and the pidfile behind that. The options are of no use to
//! who reads ps, so they are taken out of the argument area, where the kernel reads what it shows in
//! /proc/PID/cmdline: `pidward: guard /run/httpd.pid` is left.
#![expect(unsafe_code, reason = "the kernel leaves pointers on the stack")]

use core::ffi::{CStr, c_char};
use core::fmt::{self, Write};

use pidward_identity::pid::{self, Pid};
use rustix::fd::BorrowedFd;

use crate::line::{Line, Shown};

/// How long to wait for a pidfile, in seconds, when not told otherwise.
const TIMEOUT: u32 = 90;

const HELP: &str = "\
Usage: pidward-guard [--timeout SECONDS] [--named] [--vouched PID] PIDFILE
Waits for the process that PIDFILE names, removes PIDFILE at its death, and tells syslog.
  --timeout SECONDS  leave when PIDFILE does not come within that time (90)
  --named            stay while the process lives, even when it removes PIDFILE itself
  --vouched PID      believe PIDFILE when it names PID, whoever can write it and whenever it was written
";

/// What the guard is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// The pidfile's absolute path.
    pub(crate) path: &'static CStr,
    /// How long to wait for it, in seconds, when nothing else says that it comes.
    pub(crate) timeout: u32,
    /// The user named the pidfile: the guard belongs to the daemon, not to one file of that name.
    pub(crate) named: bool,
    /// The user vouches that the pidfile means this process.
    pub(crate) vouched: Option<Pid>,
}

/// The arguments, as the kernel left them: strings one behind the other, and pointers to them.
#[derive(Debug)]
pub(crate) struct Arguments {
    count: usize,
    pointers: *const *mut u8,
}

impl Arguments {
    /// Takes them over.
    ///
    /// # Safety
    /// `stack` is the stack pointer at the program's first instruction, and nobody else uses what is there.
    pub(crate) unsafe fn at(stack: *mut usize) -> Self {
        // SAFETY: the number of arguments stands there, above it as many pointers (System V ABI).
        let count = unsafe { stack.read() };
        Self {
            count,
            pointers: stack.wrapping_add(1).cast_const().cast(),
        }
    }

    fn pointer(&self, index: usize) -> Option<*mut u8> {
        // SAFETY: there are `count` pointers.
        (index < self.count).then(|| unsafe { self.pointers.wrapping_add(index).read() })
    }

    fn get(&self, index: usize) -> Option<&CStr> {
        let pointer = self.pointer(index)?.cast::<c_char>();
        // SAFETY: the kernel ended each string with a NUL, and nobody writes to it while `self` is borrowed.
        Some(unsafe { CStr::from_ptr(pointer) })
    }

    /// Reads them; `Err` is the exit status when there is nothing to guard.
    pub(crate) fn request(self) -> Result<Request, u8> {
        let (mut timeout, mut named, mut vouched, mut at) = (TIMEOUT, false, None, 1);
        while let Some(argument) = self.get(at) {
            match argument.to_bytes() {
                b"--named" => named = true,
                b"--timeout" => {
                    at += 1;
                    timeout = self.get(at).and_then(seconds).ok_or_else(|| {
                        refuse(format_args!("--timeout takes a number of seconds"))
                    })?;
                }
                b"--vouched" => {
                    at += 1;
                    let pid = self
                        .get(at)
                        .and_then(|text| pid::parse(text.to_bytes()).ok());
                    let refused = || refuse(format_args!("--vouched takes a process ID"));
                    vouched = Some(pid.ok_or_else(refused)?);
                }
                b"--help" => return Err(inform(HELP)),
                b"--version" => {
                    return Err(inform(concat!(
                        "pidward-guard ",
                        env!("CARGO_PKG_VERSION"),
                        "\n"
                    )));
                }
                path if path.first() == Some(&b'/') => break,
                other if other.first() == Some(&b'-') => {
                    return Err(refuse(format_args!("no such option: {}", Shown(other))));
                }
                other => {
                    return Err(refuse(format_args!(
                        "not an absolute path: {}",
                        Shown(other)
                    )));
                }
            }
            at += 1;
        }
        let Some(path) = self.get(at) else {
            return Err(refuse(format_args!("which pidfile?")));
        };
        let name = path.to_bytes().rsplit(|&byte| byte == b'/').next();
        if matches!(name, None | Some(b"" | b"." | b"..")) {
            let path = Shown(path.to_bytes());
            return Err(refuse(format_args!("not the name of a file: {path}")));
        }
        if at.saturating_add(1) < self.count {
            return Err(refuse(format_args!("one pidfile only")));
        }
        let path = self.keep_only(at).ok_or(2)?;
        Ok(Request {
            path,
            timeout,
            named,
            vouched,
        })
    }

    /// Moves the last string to where the second one stood, clears what is behind it, and gives it back.
    fn keep_only(self, last: usize) -> Option<&'static CStr> {
        let (to, from) = (self.pointer(1)?, self.pointer(last)?);
        let length = self.get(last)?.count_bytes().saturating_add(1);
        let distance = from.addr().checked_sub(to.addr())?;
        // SAFETY: the strings stand one behind the other in writable memory (execve(2) builds them so), `to`
        // before `from`; no reference to them is left, as each borrows from `self`.
        unsafe { to.copy_from(from, length) };
        // SAFETY: from the moved string's end to the old one's end it is that same area.
        unsafe { to.wrapping_add(length).write_bytes(0, distance) };
        // SAFETY: the string came with its NUL; `self` is gone, so nobody will write to it again.
        Some(unsafe { CStr::from_ptr(to.cast()) })
    }
}

/// The environment, as the kernel left it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment(*const *const c_char);

impl Environment {
    /// Takes it over.
    ///
    /// # Safety
    /// `stack` is the stack pointer at the program's first instruction.
    pub(crate) unsafe fn at(stack: *const usize) -> Self {
        // SAFETY: the number of arguments stands there (System V ABI).
        let count = unsafe { stack.read() };
        // Behind the number: as many pointers, a null one, and those of the environment.
        Self(stack.wrapping_add(count.saturating_add(2)).cast())
    }

    /// The value of a variable.
    pub(crate) fn get(self, name: &str) -> Option<&'static CStr> {
        let mut at = self.0;
        loop {
            // SAFETY: a null pointer ends the array, and none was found before this one.
            let pointer = unsafe { at.read() };
            if pointer.is_null() {
                return None;
            }
            // SAFETY: the kernel ended each string with a NUL, and nobody writes to them.
            let entry: &'static CStr = unsafe { CStr::from_ptr(pointer) };
            let value = entry
                .to_bytes_with_nul()
                .strip_prefix(name.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="));
            if let Some(value) = value {
                return CStr::from_bytes_with_nul(value).ok();
            }
            at = at.wrapping_add(1);
        }
    }
}

fn seconds(text: &CStr) -> Option<u32> {
    text.to_str().ok()?.parse().ok()
}

/// A usage error, for who runs the guard by hand.
fn refuse(why: fmt::Arguments<'_>) -> u8 {
    let mut line = Line::new();
    // A line has room for what fits, and drops the rest.
    let _ = writeln!(line, "pidward-guard: {why}; see pidward-guard --help");
    print(2, line.bytes());
    2
}

fn inform(text: &str) -> u8 {
    print(1, text.as_bytes());
    0
}

fn print(descriptor: i32, text: &[u8]) {
    // SAFETY: it is only written to; should it not be open, that fails and nothing else happens.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let _ = rustix::io::write(descriptor, text);
}
