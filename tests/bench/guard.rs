//! What a process costs that does nothing but wait for another one's death.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::watch::Watch;

use crate::bench::Bench;
use crate::plot::Plot;
use crate::report::{Section, count};

/// So many at once.
const COUNTS: [usize; 4] = [1, 10, 100, 1000];

/// For how long they are watched doing nothing, in seconds.
const WATCHED: u64 = 10;

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "A guard waits",
        "For a daemon's death. Memory that is one's own, in KiB, of one alone; the sum of all their shares (Pss) of so many; descriptors, threads; and of 100, how \
         often one of them was woken in 10 s. A host of 200 daemons pays twice what 100 take, and no processor time while they live.",
        &[
            "who", "private", "Pss of 1", "of 10", "of 100", "of 1000", "fds", "threads", "woken",
        ],
    );
    let mut bars = Vec::new();
    let peers: [(&str, Starter); 4] = [
        ("pidward-guard", ours),
        ("limit: a guard in C", limit),
        ("dumb-init", |_, _, _| Ok(peer("dumb-init"))),
        ("catatonit", |_, _, _| Ok(peer("catatonit"))),
    ];
    for (name, start) in peers {
        let mut row = Vec::new();
        let mut alone = None;
        let mut woken = 0;
        for number in COUNTS {
            // A thousand init programs, each with its own daemon, would be a measurement of the machine.
            if number == 1000 && start_is_peers(name) {
                row.push("–".to_owned());
                continue;
            }
            let crowd = Crowd::start(bench, start, number)?;
            let facts = crowd.facts()?;
            row.push(count(facts.iter().map(|it| it.pss).sum()));
            if number == 100 {
                bars.push((name.to_owned(), sum(&facts)));
                woken = crowd.woken()?;
            }
            alone = alone.or_else(|| facts.first().copied());
            crowd.end()?;
        }
        let Some(alone) = alone else { continue };
        row.insert(0, count(alone.private));
        row.extend([count(alone.descriptors), count(alone.threads), count(woken)]);
        section.row(name, row);
    }
    section.plot = Some(Plot {
        name: "guards",
        title: "Memory of 100 that wait for a death each (sum of Pss)",
        unit: "KiB",
        bars,
    });
    Ok(section)
}

fn start_is_peers(name: &str) -> bool {
    !name.contains("guard")
}

#[expect(clippy::cast_precision_loss, reason = "they are small")]
fn sum(facts: &[Facts]) -> f64 {
    facts.iter().map(|it| it.pss).sum::<u64>() as f64
}

/// Makes the command that waits for this daemon, whose pidfile this is.
type Starter = fn(&Bench, &Process, &Path) -> Checked<Command>;

fn ours(bench: &Bench, _: &Process, pidfile: &Path) -> Checked<Command> {
    let mut command = Command::new(bench.shipped("pidward-guard"));
    command.arg(pidfile);
    Ok(command)
}

fn limit(bench: &Bench, daemon: &Process, pidfile: &Path) -> Checked<Command> {
    let mut command = Command::new(bench.program("guard"));
    command.arg(daemon.pid.to_string()).arg(pidfile);
    Ok(command)
}

/// It starts its daemon itself.
fn peer(name: &str) -> Command {
    let mut command = Command::new(name);
    command.args(["--", "sleep", "1000"]);
    command
}

/// What one of them takes.
#[derive(Clone, Copy)]
struct Facts {
    private: u64,
    pss: u64,
    descriptors: u64,
    threads: u64,
}

/// So many of them, and the daemon that they wait for.
struct Crowd {
    daemon: Child,
    waiting: Vec<Process>,
    children: Vec<Child>,
    directory: PathBuf,
}

impl Crowd {
    fn start(bench: &Bench, start: Starter, number: usize) -> Checked<Self> {
        let directory = bench.fresh("guards")?;
        let daemon = Command::new("sleep")
            .arg("1000")
            .spawn()
            .doing("start a daemon")?;
        let pid = i32::try_from(daemon.id()).doing("a PID")?;
        let process = Process::open(pid).ok_or("gone").doing("hold the daemon")?;
        let mut crowd = Self {
            daemon,
            waiting: Vec::new(),
            children: Vec::new(),
            directory,
        };
        for index in 0..number {
            let pidfile = crowd.directory.join(format!("{index}.pid"));
            fs::write(&pidfile, format!("{pid}\n")).doing("write a pidfile")?;
            let mut command = start(bench, &process, &pidfile)?;
            let is_ours = command.get_program() == bench.shipped("pidward-guard");
            let watch = Watch::on(&[crowd.directory.as_path()])?;
            let child = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn();
            let child = child.doing(command.get_program().to_string_lossy())?;
            let id = if is_ours {
                let recorded = || Record::read(&pidfile)?.number("guard");
                let guard = watch.until(Deadline::seconds(10), &[], recorded);
                guard.ok_or("none").doing("the record")?
            } else {
                i32::try_from(child.id()).doing("a PID")?
            };
            crowd.children.push(child);
            let waiting = Process::living(id).ok_or("gone").doing("who waits")?;
            sleeps(id)?;
            crowd.waiting.push(waiting);
        }
        Ok(crowd)
    }

    fn facts(&self) -> Checked<Vec<Facts>> {
        self.waiting.iter().map(|it| facts(it.pid)).collect()
    }

    /// How often one of them was woken meanwhile.
    fn woken(&self) -> Checked<u64> {
        let switches = || -> Checked<u64> {
            let each = self
                .waiting
                .iter()
                .map(|it| number_in(it.pid, "status", "voluntary_ctxt_switches:"));
            each.sum()
        };
        let before = switches()?;
        let watch = Watch::on(&[Path::new("/proc/sys")])?;
        let deadline = Deadline::after(Duration::from_secs(WATCHED));
        let _: Option<()> = watch.until(deadline, &[], || None);
        Ok(switches()?.saturating_sub(before))
    }

    fn end(mut self) -> Checked {
        self.daemon.kill().doing("end the daemon")?;
        self.daemon.wait().doing("end the daemon")?;
        for child in &self.children {
            // Those who have started a daemon of their own pass it on.
            let child = i32::try_from(child.id()).doing("a PID")?;
            if let Some(process) = Process::living(child) {
                process.signal(Signal::SIGTERM).doing("end it")?;
            }
        }
        for mut child in self.children {
            child.wait().doing("wait for it")?;
        }
        for waiting in self.waiting {
            if !waiting.dies_by(Deadline::seconds(10)) {
                return Err(Failure::new("stays", waiting.pid));
            }
        }
        Ok(())
    }
}

/// Waits until it sleeps. No event tells of that.
fn sleeps(pid: i32) -> Checked {
    let deadline = Deadline::seconds(10);
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).doing("look at it")?;
        let exe = fs::read_link(format!("/proc/{pid}/exe")).doing("look at it")?;
        let is_itself = exe.file_name()
            != std::env::current_exe()
                .ok()
                .as_deref()
                .and_then(Path::file_name);
        if is_itself
            && stat
                .rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('S'))
        {
            return Ok(());
        }
        if deadline.passed() {
            return Err(Failure::new("does not sleep", stat));
        }
        std::thread::yield_now();
    }
}

fn facts(pid: i32) -> Checked<Facts> {
    let rollup = |key| number_in(pid, "smaps_rollup", key);
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).doing("list descriptors")?;
    Ok(Facts {
        private: rollup("Private_Clean:")? + rollup("Private_Dirty:")?,
        pss: rollup("Pss:")?,
        descriptors: u64::try_from(descriptors.count()).doing("count")?,
        threads: number_in(pid, "status", "Threads:")?,
    })
}

/// The number after a key in one of its files in /proc.
fn number_in(pid: i32, file: &str, key: &str) -> Checked<u64> {
    let path = format!("/proc/{pid}/{file}");
    let text = fs::read_to_string(&path).doing(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.ok_or(key).doing(&path)?.parse().doing(&path)
}
