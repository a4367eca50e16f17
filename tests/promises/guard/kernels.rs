//! Older kernels: what they do not know is refused to a guard and to the commands by a seccomp filter.

use std::process::Command;

use pidward_tests::failure::{Checked, Failure};
use pidward_tests::record::Record;

use super::log::{line, log};
use super::post::{Post, daemon, guard, kill, leaves, start, with_pidfile};
use crate::answer::{Answer, ask};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_guard_without_file_handles_records_the_inode", no_handles),
        each("a_guard_without_pidfds_says_so_and_leaves", no_pidfds),
        each("without_pidfds_the_start_time_is_the_proof", by_start),
    ]
    .into_iter()
}

/// The same command on a kernel of before that version.
fn before(version: &str, plain: &Command) -> Command {
    let mut command = daemon(&format!("filter prctl before_{version} become"));
    command.arg(plain.get_program()).args(plain.get_args());
    command.current_dir(HOME);
    command
}

fn no_handles(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = with_pidfile()?;
    let guard = start(before("6.14", &guard(scene, &[], &post.pidfile)))?;
    post.recorded(daemon.process.pid)?;
    let record = std::fs::read_to_string(Record::path(&post.pidfile)).unwrap_or_default();
    if !record.contains("\nhandle -\n") || record.contains("\npidfd 0\n") {
        return Err(Failure::new("another record", record));
    }
    ask(scene, "status x.pid")?.is_line(0, "running", "(verified by pidfd inode)")?;
    let answer = ask(scene, "adopt x.pid")?;
    answer.is_line(0, "guarded", "; without pidfd handle (before Linux 6.14)")?;
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}

fn no_pidfds(scene: &Scene) -> Checked {
    scene.clear()?;
    let log = log()?;
    let post = Post::at("x.pid")?;
    let daemon = with_pidfile()?;
    leaves(&start(before("5.3", &guard(scene, &[], &post.pidfile)))?)?;
    let said = line(&log)?;
    if !said.contains(&format!("not guarding {HOME}/x.pid: ")) || post.has_record() {
        return Err(Failure::new("another end", said));
    }
    let adopt = Answer::of(before("5.3", &pidward(scene, &["adopt", "x.pid"])))?;
    adopt.is_refusal(1, &["did not adopt", "x.pid"])?;
    kill(daemon).map(drop)
}

fn by_start(scene: &Scene) -> Checked {
    let (daemon, _, post) = super::post::guarded(scene)?;
    let ask = |words: &[&str]| Answer::of(before("5.3", &pidward(scene, words)));
    ask(&["status", "x.pid"])?.is_line(0, "running", "(verified by start time)")?;
    let raced = "cannot exclude a race";
    let sent = ask(&["signal", "0", "x.pid"])?;
    sent.says(0, sent.err.contains(raced), raced)?;
    let stopped = ask(&["stop", "x.pid"])?;
    let is_said = stopped.err.contains(raced) && stopped.out.starts_with("stopped  ");
    stopped.says(0, is_said, "stopped")?;
    daemon.end()?;
    post.cleared()
}
