//! How long a pidfile outlives a daemon that SIGKILL ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::watch::Watch;

use crate::bench::Bench;
use crate::plot::Plot;
use crate::report::{Section, ratio};
use crate::turns::Times;

const ROUNDS: usize = 30;

/// Who removes it.
type Remover = (&'static str, fn(&Bench, &Path) -> Checked<Started>);

/// A daemon that is guarded.
struct Started {
    daemon: Process,
    children: Vec<Child>,
}

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "A daemon is killed",
        "From SIGKILL to the moment that inotify(7) tells of the pidfile's going, in turns, 30 rounds. The supervisors run a static finish program in C \
         that removes it.",
        &["who removes it", "median, µs", "99 of 100, µs", "ratio"],
    );
    let removers: [Remover; 4] = [
        ("pidward-guard", guarded),
        ("limit: a guard in C", limit),
        ("runsv, finish", |bench, pidfile| {
            supervised(bench, pidfile, "runsv")
        }),
        ("s6-supervise, finish", |bench, pidfile| {
            supervised(bench, pidfile, "s6-supervise")
        }),
    ];
    let mut tries = removers.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, start), tries) in removers.iter().zip(&mut tries) {
            tries.push(one_try(bench, *start)?);
        }
    }
    let times = tries.map(Times::of);
    let own = times.first().map_or(f64::NAN, Times::median);
    let mut bars = Vec::new();
    for ((name, _), times) in removers.iter().zip(&times) {
        let (median, p99) = (times.median(), times.p99());
        section.row(
            *name,
            [
                format!("{median:.0}"),
                format!("{p99:.0}"),
                ratio(median, own),
            ],
        );
        bars.push(((*name).to_owned(), median));
    }
    section.plot = Some(Plot {
        name: "latency",
        title: "From SIGKILL until the pidfile is gone, median",
        unit: "µs",
        bars,
    });
    Ok(section)
}

fn one_try(bench: &Bench, start: fn(&Bench, &Path) -> Checked<Started>) -> Checked<Duration> {
    let directory = bench.fresh("latency")?;
    let pidfile = directory.join("daemon.pid");
    let watch = Watch::on(&[directory.as_path()])?;
    let started = start(bench, &pidfile)?;
    let killed = Instant::now();
    started.daemon.signal(Signal::SIGKILL).doing("SIGKILL")?;
    let gone = watch.until(Deadline::seconds(10), &[], || {
        (!pidfile.exists()).then(|| killed.elapsed())
    });
    for mut child in started.children {
        // A supervisor ends by that, and the daemon that it may have started again.
        let pid = i32::try_from(child.id()).doing("a PID")?;
        if let Some(process) = Process::living(pid) {
            process.signal(Signal::SIGTERM).doing("end it")?;
        }
        child.wait().doing("wait for it")?;
    }
    let without_record = || (!Record::path(&pidfile).exists()).then_some(());
    let record_gone = watch.until(Deadline::seconds(10), &[], without_record);
    record_gone.ok_or_else(|| Failure::new("record stayed", pidfile.display()))?;
    gone.ok_or_else(|| Failure::new("pidfile stayed", pidfile.display()))
}

const DAEMON: &str = "echo $$ >\"$0\"; exec sleep 1000";

fn guarded(bench: &Bench, pidfile: &Path) -> Checked<Started> {
    let mut command = Command::new(bench.shipped("pidward"));
    command.arg("run").arg("-p").arg(pidfile).arg("--");
    let started = daemon(command, pidfile)?;
    let watch = Watch::on(&[parent(pidfile)])?;
    let recorded = || {
        let pid = Record::read(pidfile)?.number("pid");
        (pid == Some(started.daemon.pid)).then_some(())
    };
    let recorded = watch.until(Deadline::seconds(10), &[], recorded);
    recorded.ok_or_else(|| Failure::new("no record", pidfile.display()))?;
    Ok(started)
}

fn limit(bench: &Bench, pidfile: &Path) -> Checked<Started> {
    let mut started = daemon(Command::new("env"), pidfile)?;
    let mut guard = Command::new(bench.program("guard"));
    guard.arg(started.daemon.pid.to_string()).arg(pidfile);
    let mut guard = guard
        .stdout(Stdio::piped())
        .spawn()
        .doing("start a guard")?;
    // It is ready when it has closed that.
    let mut said = guard.stdout.take().ok_or("none").doing("its output")?;
    std::io::copy(&mut said, &mut std::io::sink()).doing("wait for it")?;
    started.children.push(guard);
    Ok(started)
}

/// Starts a shell that writes its PID, with these words before it.
fn daemon(mut command: Command, pidfile: &Path) -> Checked<Started> {
    command
        .args(["sh", "-c", DAEMON])
        .arg(pidfile)
        .stdin(Stdio::null());
    let child = command.spawn().doing("start a daemon")?;
    let pid = i32::try_from(child.id()).doing("a PID")?;
    let daemon = Process::open(pid).ok_or("gone").doing("hold the daemon")?;
    written(pidfile)?;
    Ok(Started {
        daemon,
        children: vec![child],
    })
}

fn supervised(bench: &Bench, pidfile: &Path, supervisor: &str) -> Checked<Started> {
    let service = bench.fresh("service")?;
    let run = format!(
        "#!/bin/sh\necho $$ >{0}; exec sleep 1000\n",
        pidfile.display()
    );
    fs::write(service.join("run"), run).doing("write run")?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(service.join("run"), executable).doing("write run")?;
    let finish: PathBuf = bench.program("finish");
    if !finish.exists() {
        let define = format!("-DPIDFILE=\"{}\"", pidfile.display());
        bench.compile("finish", "finish", &["-static", &define])?;
    }
    fs::copy(finish, service.join("finish")).doing("write finish")?;
    let child = Command::new(supervisor)
        .arg(&service)
        .stdin(Stdio::null())
        .spawn();
    let child = child.doing(supervisor)?;
    let pid = written(pidfile)?;
    let daemon = Process::living(pid)
        .ok_or("gone")
        .doing("hold the daemon")?;
    Ok(Started {
        daemon,
        children: vec![child],
    })
}

/// Waits until there is a number in the pidfile; gives it.
fn written(pidfile: &Path) -> Checked<i32> {
    let watch = Watch::on(&[parent(pidfile)])?;
    let number = || fs::read_to_string(pidfile).ok()?.trim().parse().ok();
    let number = watch.until(Deadline::seconds(10), &[], number);
    number.ok_or_else(|| Failure::new("no pidfile", pidfile.display()))
}

fn parent(pidfile: &Path) -> &Path {
    pidfile.parent().unwrap_or(Path::new("/"))
}
