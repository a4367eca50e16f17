//! What `status` tells Prometheus is taken by a real node_exporter, as it is.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::watch::every_ten_milliseconds;

use super::status;
use crate::compare::bare;
use crate::guard::post::{guarded, kill, start};
use crate::promise::Promise;
use crate::scene::{HOME, Scene, file, write};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("node_exporter_takes_the_numbers_as_they_are", exported),
        each("numbers_are_there_whatever_the_pidfiles_are", whatever),
    ]
    .into_iter()
}

fn exported(scene: &Scene) -> Checked {
    let (daemon, _guard, _post) = guarded(scene)?;
    write("stale.pid", "2147483647\n")?;
    write("empty.pid", "")?;
    let numbers = status(scene, &["--prometheus", HOME])?;
    numbers.is(0, !numbers.out.is_empty(), "numbers")?;
    let collected = file("collected");
    fs::create_dir(&collected).doing("make a directory")?;
    fs::write(collected.join("pidward.prom"), &numbers.out).doing("write the numbers")?;
    let mut exporter = bare("/usr/bin/prometheus-node-exporter".as_ref());
    exporter.args(["--collector.disable-defaults", "--collector.textfile"]);
    exporter.arg(format!(
        "--collector.textfile.directory={}",
        collected.display()
    ));
    exporter.arg("--web.listen-address=127.0.0.1:9100");
    exporter.stdout(Stdio::null()).stderr(Stdio::null());
    let exporter = start(exporter)?;
    let scraped = every_ten_milliseconds(Deadline::seconds(20), scrape);
    exporter.signal(Signal::SIGKILL).doing("end it")?;
    let scraped = scraped.ok_or("silent").doing("scrape node_exporter")?;
    for series in [
        "node_textfile_scrape_error 0",
        "pidward_guards 1",
        "pidward_pidfiles{class=\"running\",reason=\"verified\"} 1",
        "pidward_pidfiles{class=\"stale\",reason=\"dead\"} 1",
        "pidward_pidfiles{class=\"unknown\",reason=\"empty\"} 1",
        "pidward_pidfiles{class=\"unknown\",reason=\"suspect\"} 0",
        "pidward_removals_total{by=\"guard\",cause=\"core\"} 0",
        "# TYPE pidward_removals_total counter",
    ] {
        if !scraped.lines().any(|line| line == series) {
            return Err(Failure::new(format!("no {series}"), scraped));
        }
    }
    kill(daemon).map(drop)
}

fn scrape() -> Option<String> {
    let mut connection = TcpStream::connect("127.0.0.1:9100").ok()?;
    connection
        .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A collector takes any exit status but 0 for a failure.
fn whatever(scene: &Scene) -> Checked {
    scene.clear()?;
    write("stale.pid", "2147483647\n")?;
    for path in [HOME, "stale.pid", "missing.pid"] {
        let answer = status(scene, &["--prometheus", path])?;
        answer.is(
            0,
            answer.out.starts_with("# HELP pidward_pidfiles "),
            "numbers",
        )?;
    }
    let answer = status(scene, &["--prometheus", "--json"])?;
    answer.says(2, answer.out.is_empty(), "a usage error")
}
