//! A core file, as gdb reads it.
//!
//! Two cores of the same death differ in what is not the death's: the numbers of processes, and where libraries and
//! stacks are, because one library more is loaded. So a number is kept with all that it may mean.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::compare::bare;
use crate::scene::HOME;

/// What gdb is told, and under which heading it answers. Each pad of a siginfo is 28 ints, whatever union member it is.
const QUESTIONS: [(&str, &str); 7] = [
    (
        "signal",
        r#"printf "%d %d %d\n", $_siginfo.si_signo, $_siginfo.si_errno, $_siginfo.si_code"#,
    ),
    ("fields", "output/x $_siginfo._sifields._pad"),
    ("place", "x/i $pc"),
    ("registers", "info registers"),
    ("threads", "info threads"),
    ("frames", "thread apply all frame apply all -q p/a $pc"),
    ("mappings", "info files"),
];

/// What the kernel has an interrupted system call return: EINTR, once there was a handler, else one of its own codes
/// for that (include/linux/errno.h), which no program ever sees.
const INTERRUPTED: [u64; 5] = [4, 512, 513, 514, 516];

/// Below a stack there may be pages that nobody may touch, which no core has.
const GUARDED: u64 = 64 << 10;

/// No C library knows more than that of a thread.
const DESCRIPTOR: u64 = 4 << 10;

/// What a call may leave behind in any way, and where our hooks do.
const LEFT_OVER: [&str; 3] = ["r8", "r9", "r10"];

/// In the name of a library that was built without unwind tables: musl's.
const WITHOUT_FRAMES: &str = "/ld-musl-";

/// A core.
pub(crate) struct Core {
    /// The siginfo: signal, errno and code, in this order.
    signal: String,
    /// The rest of it, word by word.
    fields: Vec<Number>,
    /// The instruction.
    place: String,
    /// What of the thread that died the instruction works on.
    registers: Vec<(String, Number)>,
    /// How many threads there were.
    threads: usize,
    /// Where each thread was, from the innermost frame on.
    frames: Vec<Number>,
}

/// A number, by all that it may mean.
#[derive(Debug, PartialEq)]
struct Number(Vec<String>);

impl Number {
    fn same(&self, what: &str, other: &Self) -> Checked {
        if self.0.iter().any(|meaning| other.0.contains(meaning)) {
            return Ok(());
        }
        same(what, [self, other])
    }
}

fn same<T: PartialEq + Debug>(what: &str, two: [T; 2]) -> Checked {
    if two[0] == two[1] {
        return Ok(());
    }
    Err(Failure::new(
        format!("a core with another {what}"),
        format!("{two:?}"),
    ))
}

impl Core {
    /// The core that lies in the daemon's directory, of a process that ran this program, and that a process with this
    /// number may have signalled.
    pub(crate) fn read(program: &Path, sender: Option<i32>) -> Checked<Self> {
        let core = find()?;
        let mut gdb = bare("gdb".as_ref());
        gdb.args(["-nx", "-batch", "-iex", "set auto-load off"]);
        gdb.args(["-iex", "set print repeats unlimited"]);
        // What is installed for debugging is not the same everywhere, and takes long to read.
        gdb.args(["-iex", "set debug-file-directory /nonexistent"]);
        for (heading, question) in QUESTIONS {
            gdb.args(["-ex", &format!("echo \\n== {heading}\\n"), "-ex", question]);
        }
        let output = gdb.arg(program).arg(&core).output().doing("gdb")?;
        let answers = Answers(String::from_utf8_lossy(&output.stdout).into_owned());
        let sender = sender.and_then(|sender| u64::try_from(sender).ok());
        let threads = answers.threads().enumerate();
        let known = Known {
            mappings: answers.mappings(),
            descriptors: answers.descriptors(),
            numbers: threads
                .map(|(at, number)| (number, format!("thread {at}")))
                .chain(sender.map(|sender| (sender, "sender".to_owned())))
                .collect(),
        };
        answers.core(&known).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            Failure::new("the test itself", format!("gdb: {said}\n{}", answers.0))
        })
    }

    /// Fails when the other one differs in anything.
    pub(crate) fn is_like(&self, other: &Self) -> Checked {
        same("signal", [&self.signal, &other.signal])?;
        for (one, other) in self.fields.iter().zip(&other.fields) {
            one.same("siginfo", other)?;
        }
        same("number of threads", [&self.threads, &other.threads])?;
        same(
            "number of frames",
            [&self.frames.len(), &other.frames.len()],
        )?;
        for (one, other) in self.frames.iter().zip(&other.frames) {
            one.same("backtrace", other)?;
        }
        same("instruction", [&self.place, &other.place])?;
        for (one, other) in self.registers.iter().zip(&other.registers) {
            same("register", [&one.0, &other.0])?;
            one.1.same(&one.0, &other.1)?;
        }
        Ok(())
    }

    /// Takes away the code of a siginfo and what belongs to it.
    pub(crate) fn take_code(&mut self) -> Option<i32> {
        self.fields.clear();
        let (rest, code) = self.signal.rsplit_once(' ')?;
        let code = code.parse().ok();
        self.signal = rest.to_owned();
        code
    }
}

/// The core dump among what the daemon left: by its contents, whatever the machine calls it.
fn find() -> Checked<PathBuf> {
    let is_core = |path: &PathBuf| {
        let mut magic = [0; 4];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
        read.is_ok() && magic == *b"\x7fELF"
    };
    let files = fs::read_dir(HOME).doing("look for the core")?;
    let core = files.flatten().map(|entry| entry.path()).find(is_core);
    core.ok_or_else(|| {
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        let message = format!(
            "the daemon's directory has none. kernel.core_pattern is {}; these tests need the name of a file, as by \
             \"sysctl kernel.core_pattern=core\"",
            pattern.trim()
        );
        Failure::new("no core file", message)
    })
}

/// What is known about the process, to tell what its numbers mean.
struct Known {
    mappings: Vec<Mapping>,
    /// Where the C library has what it knows of each thread.
    descriptors: Vec<u64>,
    numbers: Vec<(u64, String)>,
}

/// A stretch of memory: a section of a program or a library, or without name one that only the core has.
struct Mapping {
    start: u64,
    end: u64,
    name: Option<String>,
}

impl Known {
    fn number(&self, value: u64) -> Number {
        let mut meanings = vec![format!("{value:#x}")];
        let is_interrupted = INTERRUPTED.contains(&value.wrapping_neg());
        meanings.extend(is_interrupted.then(|| "interrupted".to_owned()));
        let numbers = self.numbers.iter().filter(|(number, _)| *number == value);
        meanings.extend(numbers.map(|(_, meaning)| meaning.clone()));
        for (at, descriptor) in self.descriptors.iter().enumerate() {
            let offset = value.wrapping_sub(*descriptor);
            if offset < DESCRIPTOR {
                meanings.push(format!("thread {at} + {offset:#x}"));
            }
        }
        for Mapping { start, end, name } in &self.mappings {
            let guarded = start.saturating_sub(GUARDED);
            match name {
                Some(name) if (*start..*end).contains(&value) => {
                    meanings.push(format!("{name} + {:#x}", value - start));
                }
                None if (guarded..*end).contains(&value) => {
                    meanings.push(format!("{:#x} before the end of a mapping", end - value));
                }
                _ => {}
            }
        }
        Number(meanings)
    }
}

/// All that gdb said.
struct Answers(String);

impl Answers {
    fn core(&self, known: &Known) -> Option<Core> {
        Some(Core {
            signal: self.lines("signal").next()?.to_owned(),
            fields: self.fields(known)?,
            place: without_addresses(self.lines("place").next()?),
            registers: self.registers(known)?,
            threads: self.threads().count(),
            frames: self.frames(known)?,
        })
    }

    /// `* 1    Thread 0x7ffff7dd16c0 (LWP 12) 0x... in by_segv ()`, or LWP alone: their numbers.
    fn threads(&self) -> impl Iterator<Item = u64> {
        let lines = self.lines("threads");
        lines.filter_map(|line| {
            let digits = line.split_once("LWP ")?.1;
            digits.split([')', ' ']).next()?.parse().ok()
        })
    }

    /// In the same lines, where gdb says it.
    fn descriptors(&self) -> Vec<u64> {
        let lines = self.lines("threads");
        let descriptor = |line: &str| {
            let (_, descriptor) = line.split_once("Thread ")?;
            number(descriptor.split_once(' ')?.0)
        };
        lines.filter_map(descriptor).collect()
    }

    /// What was said under a heading.
    fn lines(&self, heading: &str) -> impl Iterator<Item = &str> {
        let said = self.0.split("\n== ");
        let answer = said.filter_map(move |said| said.strip_prefix(heading)?.strip_prefix('\n'));
        answer
            .flat_map(str::lines)
            .filter(|line| !line.trim().is_empty())
    }

    /// `{0x4d2, 0x0, ...}`: the first two are one address where the kernel speaks, and a process and its user where
    /// another process does.
    fn fields(&self, known: &Known) -> Option<Vec<Number>> {
        let line = self.lines("fields").next()?;
        let line = line.strip_prefix('{')?.strip_suffix('}')?;
        let mut words = line.split(", ").map(number);
        let (first, second) = (words.next()??, words.next()??);
        let code: i64 = self
            .lines("signal")
            .next()?
            .rsplit(' ')
            .next()?
            .parse()
            .ok()?;
        let first = if code > 0 {
            [first | second << 32, 0]
        } else {
            [first, second]
        };
        let rest: Option<Vec<u64>> = words.collect();
        let all = first.into_iter().chain(rest?);
        Some(all.map(|word| known.number(word)).collect())
    }

    /// `$1 = 0x555555558d3e <by_segv+14>`, and before those of each thread `Thread 1 (LWP 12):`. From a library that says
    /// nothing of its frames, gdb goes on to whatever lies on the stack: only the first frame in there is one.
    fn frames(&self, known: &Known) -> Option<Vec<Number>> {
        let mut frames = Vec::new();
        let mut is_one = true;
        for line in self.lines("frames") {
            if line.starts_with("Thread ") {
                is_one = true;
                continue;
            }
            let (_, place) = line.split_once("= ")?;
            let (address, symbol) = place.split_once(' ').unwrap_or((place, ""));
            let mut frame = known.number(number(address)?);
            frame
                .0
                .extend((!symbol.is_empty()).then(|| symbol.to_owned()));
            if is_one {
                let says_nothing = |meaning: &String| meaning.contains(WITHOUT_FRAMES);
                is_one = !frame.0.iter().any(says_nothing);
                frames.push(frame);
            }
        }
        (!frames.is_empty()).then_some(frames)
    }

    /// `rax            0x4d2               1234`
    fn registers(&self, known: &Known) -> Option<Vec<(String, Number)>> {
        let register = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next().filter(|name| !LEFT_OVER.contains(name))?;
            Some((name.to_owned(), known.number(number(words.next()?)?)))
        };
        let registers: Vec<_> = self.lines("registers").filter_map(register).collect();
        (!registers.is_empty()).then_some(registers)
    }

    /// `0x0000555555555000 - 0x0000555555558000 is .text in /usr/lib/libx.so`, or `is load1` for what the core has.
    fn mappings(&self) -> Vec<Mapping> {
        let mapping = |line: &str| {
            let (range, name) = line.trim().split_once(" is ")?;
            let (start, end) = range.split_once(" - ")?;
            Some(Mapping {
                start: number(start)?,
                end: number(end)?,
                name: (!name.starts_with("load")).then(|| name.to_owned()),
            })
        };
        self.lines("mappings").filter_map(mapping).collect()
    }
}

fn number(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

/// `=> 0x7ffff7e5feec <__pthread_kill_implementation+268>: mov %eax,%ebp`: the names say more.
fn without_addresses(line: &str) -> String {
    let words = line.split_whitespace();
    let is_address = |word: &&str| {
        number(word.trim_end_matches(':')).is_some_and(|value| value > u64::from(u32::MAX))
    };
    let words: Vec<&str> = words.filter(|word| !is_address(word)).collect();
    words.join(" ")
}
