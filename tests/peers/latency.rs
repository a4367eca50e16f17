//! `latency`: how long a pidfile outlives a daemon that SIGKILL ended. Prints the median and the maximum of 100 tries.
//!
//! From the signal to the moment that inotify(7) tells of the pidfile's going, on CLOCK_MONOTONIC, for a tiny daemon
//! under `pidward run -p`. It needs no privilege.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::release;
use pidward_tests::watch::Watch;

const TRIES: usize = 100;

fn main() -> ExitCode {
    let directory = env::temp_dir().join(format!("pidward-latency-{}", std::process::id()));
    let measured = fs::create_dir(&directory)
        .doing(directory.display())
        .and_then(|()| measure(&directory));
    let _ = fs::remove_dir_all(&directory);
    match measured {
        Ok(mut times) => {
            times.sort();
            let milliseconds =
                |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0);
            let (median, longest) = (
                milliseconds(times.get(TRIES / 2)),
                milliseconds(times.last()),
            );
            println!(
                "SIGKILL to pidfile gone, {TRIES} tries: median {median:.3} ms, maximum {longest:.3} ms"
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("latency: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(directory: &Path) -> Checked<Vec<Duration>> {
    let pidward = release::directory()?.join("pidward");
    (0..TRIES).map(|_| one_try(&pidward, directory)).collect()
}

fn one_try(pidward: &Path, directory: &Path) -> Checked<Duration> {
    let pidfile = directory.join("daemon.pid");
    let watch = Watch::on(&[directory])?;
    let mut command = Command::new(pidward);
    command.arg("run").arg("-p").arg(&pidfile).args([
        "--",
        "sh",
        "-c",
        "echo $$ >\"$0\"; exec sleep 1000",
    ]);
    command.arg(&pidfile).stdin(Stdio::null());
    let mut child = command.spawn().doing("start pidward")?;
    let pid = i32::try_from(child.id()).doing("a PID")?;
    let daemon = Process::open(pid).ok_or("gone").doing("hold the daemon")?;

    let recorded = || {
        Record::read(&pidfile)
            .filter(|record| record.number("pid") == Some(pid))
            .map(|_| ())
    };
    let recorded = watch.until(Deadline::seconds(10), &[], recorded);
    let killed = Instant::now();
    daemon.signal(Signal::SIGKILL).doing("SIGKILL")?;
    let gone = watch.until(Deadline::seconds(10), &[], || {
        (!pidfile.exists()).then(|| killed.elapsed())
    });

    child.wait().doing("wait for the daemon")?;
    recorded.ok_or_else(|| Failure::new("no record", pidfile.display()))?;
    let without_record = || (!Record::path(&pidfile).exists()).then_some(());
    let record_gone = watch.until(Deadline::seconds(10), &[], without_record);
    record_gone.ok_or_else(|| Failure::new("record stayed", pidfile.display()))?;
    gone.ok_or_else(|| Failure::new("pidfile stayed", pidfile.display()))
}
