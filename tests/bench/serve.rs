//! What a server pays for each request when the library is in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::watch::Watch;

use crate::bench::Bench;
use crate::report::{Section, count};

const ROUNDS: usize = 7;

const CONFIGURATION: &str = "\
daemon off;
master_process off;
events {}
http { access_log off; server { listen unix:socket-of-its-own; listen 127.0.0.1:8089; location / { return 200 ok; } } }
";

pub(crate) fn measure(bench: &Bench) -> Checked<Section> {
    let mut section = Section::new(
        "A server answers",
        "nginx under wrk, in turns, 7 rounds of 2 s: processor time for each request, the median of the rounds.",
        &["nginx", "µs a request", "ratio to without", "requests"],
    );
    let library = bench.shipped("libpidward.so");
    let ways = [
        ("without", None),
        ("with pidward", Some(library.as_path())),
        ("without, once more", None),
    ];
    let mut rounds = ways.map(|_| (Vec::new(), 0));
    for _ in 0..ROUNDS {
        for ((_, library), (costs, requests)) in ways.iter().zip(&mut rounds) {
            let (cost, answered) = serve(bench, *library)?;
            costs.push(cost);
            *requests += answered;
        }
    }
    let mut bare = f64::NAN;
    for ((name, _), (mut costs, requests)) in ways.into_iter().zip(rounds) {
        costs.sort_by(f64::total_cmp);
        let median = costs.get(ROUNDS / 2).copied().unwrap_or(f64::NAN);
        if bare.is_nan() {
            bare = median;
        }
        section.row(
            name,
            [
                format!("{median:.2}"),
                format!("{:.3}", median / bare),
                count(requests),
            ],
        );
    }
    Ok(section)
}

/// Processor time for each request in microseconds, and how many there were.
fn serve(bench: &Bench, library: Option<&Path>) -> Checked<(f64, u64)> {
    let directory = bench.fresh("serve")?;
    let file = |name: &str| directory.join(name).display().to_string();
    let socket = format!("unix:{}", file("socket"));
    let text = CONFIGURATION.replace("unix:socket-of-its-own", &socket);
    let text = format!(
        "pid {};\nerror_log {};\n{text}",
        file("nginx.pid"),
        file("log")
    );
    fs::write(directory.join("conf"), text).doing("configure nginx")?;
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-c", &file("conf"), "-p", &file("")]);
    if let Some(library) = library {
        command.env("LD_PRELOAD", library);
    }
    let watch = Watch::on(&[directory.as_path()])?;
    let mut child = command.stdin(Stdio::null()).spawn().doing("start nginx")?;
    let pid = i32::try_from(child.id()).doing("a PID")?;
    let process = Process::living(pid).ok_or("gone").doing("hold nginx")?;
    let ready = || {
        let written = fs::read_to_string(directory.join("nginx.pid")).ok()?;
        (written.trim() == pid.to_string()).then_some(())
    };
    let ready = watch.until(Deadline::seconds(10), &[], ready);
    ready.ok_or_else(|| Failure::new("nginx is not ready", pid))?;
    let before = taken(pid)?;
    let wrk = ["-t1", "-c16", "-d2s", "http://127.0.0.1:8089/"];
    let output = Command::new("wrk").args(wrk).output().doing("wrk")?;
    let after = taken(pid)?;
    process.signal(Signal::SIGTERM).doing("end nginx")?;
    child.wait().doing("wait for nginx")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let requests = said
        .lines()
        .find_map(|line| line.split_once(" requests in "));
    let requests = requests.and_then(|(number, _)| number.trim().parse().ok());
    let requests: u64 = requests.ok_or_else(|| Failure::new("the test itself", &said))?;
    #[expect(clippy::cast_precision_loss, reason = "less than 2^53")]
    let each = (after - before) as f64 / 1000.0 / requests as f64;
    Ok((each, requests))
}

/// Processor time that the process has had, in nanoseconds: the first number of /proc/PID/schedstat.
fn taken(pid: i32) -> Checked<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).doing("schedstat")?;
    let number = text.split(' ').next().unwrap_or_default();
    number.parse().doing("schedstat")
}
