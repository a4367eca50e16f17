//! What users other than root have recorded is theirs to ask about and to signal, and root believes it of their own files.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;

use super::trust::NOBODY;
use crate::answer::{Answer, LEVELS, ask};
use crate::guard::post::{Post, daemon, guard, kill, leaves, ready, start};
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::run::{copied, installed};
use crate::scene::{Scene, file};

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each("a_user_verifies_and_stops_what_he_has_recorded", his_own),
        each("root_believes_a_users_record_of_his_own_pidfile", to_root),
        each("a_users_pidfile_does_not_speak_to_another_user", to_another),
        each("what_a_user_may_not_read_is_refused_to_him", unreadable),
    ]
    .into_iter()
}

/// A daemon, its guard and its pidfile, all of them one user's.
fn his(scene: &Scene) -> Checked<(Legacy, Process, Post)> {
    scene.clear()?;
    fs::create_dir(file("his")).doing("make a directory")?;
    chown(file("his"), Some(NOBODY), Some(NOBODY)).doing("give it away")?;
    let post = Post::in_directory(file("his"), "x.pid")?;
    let mut command = daemon("make open his/x.pid say ready hear");
    command.uid(NOBODY).gid(NOBODY);
    let daemon = ready(command)?;
    let mut command = guard(scene, &[], &post.pidfile);
    command.uid(NOBODY).gid(NOBODY);
    start(command)?;
    let guard = post.recorded(daemon.process.pid)?;
    Ok((daemon, guard, post))
}

/// The answer to a user who is not root, of a kernel without these.
fn ask_as(copy: &Path, uid: u32, without: &str, line: &str) -> Checked<Answer> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = installed(copy, &words);
    command.env("PIDWARD_WITHOUT", without).uid(uid).gid(uid);
    Answer::of(command)
}

fn his_own(scene: &Scene) -> Checked {
    let copy = copied(scene)?;
    let (daemon, guard, post) = his(scene)?;
    for (without, proof) in LEVELS {
        let end = format!("({proof})");
        ask_as(&copy, NOBODY, without, "status his/x.pid")?.is_line(0, "running", &end)?;
        let sent = ask_as(&copy, NOBODY, without, "signal 0 his/x.pid")?;
        sent.says(0, sent.out.ends_with(&format!("{end}\n")), &end)?;
    }
    ask_as(&copy, NOBODY, "", "stop his/x.pid")?.is_line(0, "stopped", "(after TERM)")?;
    daemon.end()?;
    post.cleared()?;
    leaves(&guard)
}

fn to_root(scene: &Scene) -> Checked {
    let (daemon, guard, post) = his(scene)?;
    ask(scene, "status his/x.pid")?.is_line(0, "running", "(verified by pidfd handle)")?;
    // Of a pidfile of root's, what a user has recorded says nothing.
    chown(&post.pidfile, Some(0), None).doing("take the pidfile")?;
    ask(scene, "status his/x.pid")?.is_line(0, "running", "(unverified)")?;
    kill(daemon)?;
    post.is_gone()?;
    leaves(&guard)
}

fn to_another(scene: &Scene) -> Checked {
    const ANOTHER: u32 = 4242;
    let copy = copied(scene)?;
    let (daemon, _, post) = his(scene)?;
    // The daemon is his, so he may say where it is; to signal it is his alone.
    ask_as(&copy, ANOTHER, "", "status his/x.pid")?.is_line(0, "running", "")?;
    ask_as(&copy, ANOTHER, "", "signal KILL his/x.pid")?
        .is_refusal(4, &["it runs as user nobody"])?;
    let mut other = self::daemon("say ready hear");
    other.uid(ANOTHER).gid(ANOTHER);
    let other = ready(other)?;
    fs::write(&post.pidfile, format!("{}\n", other.process.pid)).doing("name the other's")?;
    ask_as(&copy, ANOTHER, "", "status his/x.pid")?.is_line(4, "unknown", "(untrusted)")?;
    for line in [
        "signal --unverified KILL his/x.pid",
        "stop --unverified his/x.pid",
    ] {
        ask_as(&copy, ANOTHER, "", line)?.is_refusal(4, &["did not ", "his/x.pid"])?;
    }
    if daemon.process.is_dead() || other.process.is_dead() {
        return Err(Failure::new("one of them was signalled", ""));
    }
    kill(daemon)?;
    kill(other).map(drop)
}

fn unreadable(scene: &Scene) -> Checked {
    use std::os::unix::fs::PermissionsExt;
    let copy = copied(scene)?;
    let (daemon, _, post) = his(scene)?;
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&post.pidfile, private).doing("close it")?;
    for line in [
        "signal KILL his/x.pid",
        "stop his/x.pid",
        "wait his/x.pid",
        "adopt --unverified his/x.pid",
    ] {
        ask_as(&copy, 4242, "", line)?.is_refusal(4, &["did not ", "permission denied"])?;
    }
    match daemon.process.is_dead() {
        true => Err(Failure::new("it was signalled", "")),
        false => kill(daemon).map(drop),
    }
}
