//! `sweep`: what a sweep costs. Prints processor time a pidfile, and memory, for trees of 1000, 10 000 and 100 000 pidfiles,
//! half of them stale.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing};
use pidward_tests::peak;
use pidward_tests::release;
use pidward_tests::watch::Watch;

/// Files in a directory.
const TOGETHER: usize = 1000;

fn main() -> ExitCode {
    let directory = env::temp_dir().join(format!("pidward-sweep-{}", std::process::id()));
    for count in [1_000, 10_000, 100_000] {
        let measured = fs::create_dir(&directory)
            .doing(directory.display())
            .and_then(|()| measure(&directory, count));
        let _ = fs::remove_dir_all(&directory);
        if let Err(failure) = measured {
            eprintln!("sweep: {failure}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(directory: &Path, count: usize) -> Checked {
    // One lives, as long as we do; no process has the other number, proc_sys_kernel(5).
    let texts = [
        format!("{}\n", std::process::id()),
        "2147483647\n".to_owned(),
    ];
    for number in 0..count {
        let below = directory.join(format!("{}", number / TOGETHER));
        if number % TOGETHER == 0 {
            fs::create_dir(&below).doing("make a directory")?;
        }
        let text = texts.get(number % 2).map_or("", String::as_str);
        fs::write(below.join(format!("{number}.pid")), text).doing("make a pidfile")?;
    }
    // As at boot: pidfiles that were just made are looked at more closely. Nothing tells that time passes.
    let watch = Watch::on(&[Path::new("/proc/sys")])?;
    let _: Option<()> = watch.until(Deadline::after(Duration::from_secs(3)), &[], || None);
    let mut sweep = Command::new(release::directory()?.join("pidward"));
    sweep.arg("sweep").arg(directory);
    let (before, begun) = (processor()?, Instant::now());
    let memory = peak::near_end(sweep, count / 2)?;
    let (after, took) = (processor()?, begun.elapsed());
    let each = (after - before) / i64::try_from(count).doing("count")?;
    println!(
        "{count:>6} pidfiles, half of them stale: {:>6.3} s, {each} us of processor time each, {} KiB of its own, \
         {} KiB at most",
        took.as_secs_f64(),
        memory.anonymous,
        memory.peak
    );
    Ok(())
}

/// Processor time of all commands so far, in microseconds.
fn processor() -> Checked<i64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).doing("getrusage")?;
    Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
}
