//! The promises of `pidward adopt`: a daemon that already runs is recorded and guarded, if it is plausible that its
//! pidfile means it.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::chown;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use crate::answer::ask;
use crate::attacks::tracer::stopped_at;
use crate::guard::post::{Post, guarded, kill, kill_guards, leaves, with_pidfile};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file};

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    vec![
        each("an_adopted_daemon_is_verified_and_guarded", adopted),
        each("adopt_says_which_evidence_there_is", evidence),
        each("a_daemon_whose_guard_is_gone_gets_another", anew),
        each(
            "what_is_not_plausible_is_adopted_on_the_users_word_alone",
            implausible,
        ),
        each("what_does_not_run_is_not_adopted", not_running),
        each("a_daemon_that_ends_meanwhile_is_not_adopted", ends),
        each("a_directory_that_cannot_be_written_has_no_record", denied),
    ]
}

fn adopted(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let post = Post::at("x.pid")?;
    let begin = format!(
        "adopted  {HOME}/x.pid  pid {} legacy: recorded with ",
        daemon.process.pid
    );
    ask(scene, "adopt x.pid")?.is_lines(0, &[&begin])?;
    ask(scene, "status x.pid")?.is_line(0, "running", "(verified by pidfd handle)")?;
    let guard = post.recorded(daemon.process.pid)?;
    let begin = format!("guarded  {HOME}/x.pid  pid {} legacy: ", daemon.process.pid);
    ask(scene, "adopt x.pid")?.is_lines(0, &[&begin])?;
    kill(daemon)?;
    post.cleared()?;
    leaves(&guard)
}

fn evidence(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let answer = ask(scene, "adopt x.pid")?;
    let machine = fs::read_to_string("/etc/machine-id").is_ok_and(|id| id.trim().len() == 32);
    let all = match machine {
        true => "recorded with pidfd handle, pidfd inode, start time, machine ID",
        false => {
            "recorded with pidfd handle, pidfd inode, start time; without machine ID (no /etc/machine-id)"
        }
    };
    answer.is_line(0, "adopted", all)?;
    // As a guard on an older kernel would have written it.
    let record = Record::path(&file("x.pid"));
    let text = fs::read_to_string(&record).doing("read the record")?;
    let line = text.lines().find(|line| line.starts_with("handle "));
    let text = text.replace(line.ok_or("none").doing("find the handle")?, "handle -");
    fs::write(&record, text).doing("write the record")?;
    let answer = ask(scene, "adopt x.pid")?;
    answer.is(
        0,
        answer
            .out
            .contains("; without pidfd handle (before Linux 6.14)"),
        "without",
    )?;
    kill(daemon).map(drop)
}

fn anew(scene: &Scene) -> Checked {
    let (daemon, guard, post) = guarded(scene)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    ask(scene, "adopt x.pid")?.is_lines(0, &["adopted  "])?;
    kill(daemon)?;
    post.cleared()
}

fn implausible(scene: &Scene) -> Checked {
    for reason in ["suspect", "untrusted"] {
        scene.clear()?;
        let daemon = with_pidfile()?;
        let post = Post::at("x.pid")?;
        if reason == "suspect" {
            let old = SystemTime::now() - Duration::from_secs(1000);
            let pidfile = File::options()
                .write(true)
                .open(&post.pidfile)
                .doing("open it")?;
            pidfile
                .set_times(FileTimes::new().set_modified(old))
                .doing("make it old")?;
        } else {
            chown(&post.pidfile, Some(65534), None).doing("give it away")?;
        }
        ask(scene, "status x.pid")?.is_line(4, "unknown", &format!("({reason})"))?;
        ask(scene, "adopt x.pid")?.is_refusal(4, &["did not adopt"])?;
        if post.has_record() {
            return Err(Failure::new("it was recorded", reason));
        }
        for refused in [
            "signal KILL x.pid",
            "signal --unverified KILL x.pid",
            "stop --unverified x.pid",
        ] {
            ask(scene, refused)?.is_refusal(4, &["did not "])?;
        }
        ask(scene, "adopt --unverified x.pid")?.is_lines(0, &["adopted  "])?;
        // Who can write the file is still who he is.
        match reason {
            "suspect" => {
                ask(scene, "status x.pid")?.is_line(0, "running", "(verified by pidfd handle)")?
            }
            _ => ask(scene, "status x.pid")?.is_line(4, "unknown", "(untrusted)")?,
        }
        kill(daemon)?;
        post.cleared()?;
    }
    Ok(())
}

fn not_running(scene: &Scene) -> Checked {
    scene.clear()?;
    kill(with_pidfile()?)?;
    for option in ["", "--unverified"] {
        ask(scene, &format!("adopt {option} x.pid"))?.is_refusal(7, &["is no process"])?;
        ask(scene, &format!("adopt {option} none.pid"))?.is_refusal(7, &["no such file"])?;
    }
    match Record::path(&file("x.pid")).exists() {
        true => Err(Failure::new("it was recorded", "")),
        false => Ok(()),
    }
}

/// Killed at each of the command's system calls in turn.
fn ends(scene: &Scene) -> Checked {
    for number in 0.. {
        scene.clear()?;
        let daemon = with_pidfile()?;
        let mut daemon = Some(daemon);
        let dies = || {
            daemon
                .take()
                .map_or(Ok(()), |daemon| kill(daemon).map(drop))
        };
        let Some(output) = stopped_at(pidward(scene, &["adopt", "x.pid"]), number, dies)? else {
            break;
        };
        // When it had said so already, it lived.
        let adopted = !output.stdout.is_empty();
        let expected = if adopted { 0 } else { 7 };
        if output.status.code() != Some(expected) {
            return Err(Failure::new(format!("at {number}"), format!("{output:#?}")));
        }
        kill_guards()?;
    }
    Ok(())
}

fn denied(scene: &Scene) -> Checked {
    use nix::mount::{MsFlags, mount};
    scene.clear()?;
    let daemon = with_pidfile()?;
    let none: Option<&str> = None;
    let bind = MsFlags::MS_BIND;
    mount(Some(HOME), HOME, none, bind, none).doing("bind it")?;
    let read_only = bind | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(none, HOME, none, read_only, none).doing("make it read-only")?;
    ask(scene, "adopt /mnt/daemon/x.pid")?.is_refusal(4, &["read-only file system"])?;
    // Nor is it what doctor has for such a daemon.
    let doctor = ask(scene, "doctor /mnt/daemon/x.pid")?;
    doctor.is(1, !doctor.out.contains("adopt"), "no adoption")?;
    match daemon.process.is_dead() {
        true => Err(Failure::new("the daemon is gone", "")),
        false => kill(daemon).map(drop),
    }
}
