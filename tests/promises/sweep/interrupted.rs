//! What a crash in the middle of a removal has left is put right.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use nix::fcntl::{Flock, FlockArg};
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;

use super::{NOBODY, gone_and_there, grows_old, kill_guard, write_long_ago};
use crate::answer::ask;
use crate::guard::post::{guarded, kill, with_pidfile};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{HOME, Scene, file, write};

const ASIDE: &str = ".x.pid.pidward";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    [
        each(
            "a_dead_daemons_pidfile_is_removed_where_it_was_put_aside",
            dead,
        ),
        each("a_living_daemons_pidfile_is_put_back", living),
        each("a_pidfile_put_aside_is_proven_by_its_record", recorded),
        each("what_cannot_be_told_is_put_back", untold),
        each("a_pidfile_put_aside_never_overwrites_a_new_one", overtaken),
        each("a_removal_that_is_under_way_is_not_disturbed", under_way),
        each("what_is_only_called_so_stays_where_it_is", foreign),
        each("a_file_that_is_only_called_like_a_record_stays", no_record),
        each("what_holds_no_number_was_never_put_aside", no_number),
        each(
            "a_living_daemons_pidfile_put_aside_is_not_lost_to_a_dead_ones",
            beside_dead,
        ),
        each(
            "a_record_without_a_pidfile_goes_unless_its_guard_waits",
            orphan,
        ),
        each("a_link_to_a_pidfile_that_is_no_more_goes", dangling),
        each("run_puts_right_what_is_beside_a_named_pidfile", before_run),
    ]
    .into_iter()
}

fn dead(scene: &Scene) -> Checked {
    scene.clear()?;
    write_long_ago(ASIDE, NOBODY)?;
    let begin = format!("removed  {HOME}/{ASIDE}  an interrupted removal's; ");
    ask(scene, "sweep .")?.is_line(0, &begin, "(dead)")?;
    gone_and_there(&[ASIDE, "x.pid"], &[])
}

/// As a crash has left it between the two steps of a removal.
fn put_aside() -> Checked {
    fs::rename(file("x.pid"), file(ASIDE)).doing("put it aside")?;
    grows_old(&file(ASIDE))
}

fn living(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    put_aside()?;
    let begin = format!("put back  {HOME}/{ASIDE}  an interrupted removal's; ");
    ask(scene, "sweep .")?.is_line(0, &begin, "(unverified)")?;
    gone_and_there(&[ASIDE], &["x.pid"])?;
    kill(daemon).map(drop)
}

/// Its record stays until it is known what it is, in whatever order the directory is read.
fn recorded(scene: &Scene) -> Checked {
    let (daemon, guard, _) = guarded(scene)?;
    kill_guard(&guard)?;
    put_aside()?;
    ask(scene, "sweep .")?.is_line(0, "put back  ", "(verified by pidfd handle)")?;
    gone_and_there(&[ASIDE], &["x.pid", "x.pid.ward"])?;
    put_aside()?;
    kill(daemon)?;
    let answer = ask(scene, "sweep .")?;
    answer.is(
        0,
        answer
            .out
            .starts_with(&format!("removed  {HOME}/{ASIDE}  ")),
        "removed",
    )?;
    gone_and_there(&[ASIDE, "x.pid", "x.pid.ward"], &[])
}

fn untold(scene: &Scene) -> Checked {
    scene.clear()?;
    write_long_ago(ASIDE, "")?;
    let lines = [
        "put back  ",
        "left  /mnt/daemon/x.pid  nothing written yet (empty)",
    ];
    ask(scene, "sweep x.pid")?.is_lines(0, &lines)?;
    gone_and_there(&[ASIDE], &["x.pid"])
}

fn overtaken(scene: &Scene) -> Checked {
    scene.clear()?;
    let first = with_pidfile()?;
    put_aside()?;
    let second = with_pidfile()?;
    let answer = ask(scene, "sweep .")?;
    let said = "; another has its name by now (unverified)";
    answer.is_line(0, "removed  ", said)?;
    gone_and_there(&[ASIDE], &["x.pid"])?;
    let text = fs::read_to_string(file("x.pid")).doing("read x.pid")?;
    if text.trim() != second.process.pid.to_string() {
        return Err(Failure::new("the new pidfile is another's", text));
    }
    kill(first)?;
    kill(second).map(drop)
}

/// Who removes has put it aside just now and goes on: it is his.
fn under_way(scene: &Scene) -> Checked {
    scene.clear()?;
    write(ASIDE, NOBODY)?;
    let mut sweep = pidward(scene, &["sweep", "."]);
    let sweep = sweep.stdout(std::process::Stdio::piped());
    let child = sweep.spawn().doing("start a sweep")?;
    // It waits for a change of the directory.
    let pid = i32::try_from(child.id()).doing("a PID")?;
    crate::guard::post::falls_asleep(pid, 1)?;
    gone_and_there(&[], &[ASIDE])?;
    fs::remove_file(file(ASIDE)).doing("go on with the removal")?;
    let output = child.wait_with_output().doing("wait for the sweep")?;
    match output.status.success() && output.stdout.is_empty() {
        true => Ok(()),
        false => Err(Failure::new("it said something", format!("{output:?}"))),
    }
}

fn foreign(scene: &Scene) -> Checked {
    scene.clear()?;
    write_long_ago(".config.pidward", "colour = blue\n")?;
    write("notes.ward", "mine\n")?;
    write("empty.ward", "")?;
    fs::create_dir(file(".d.pid.pidward")).doing("make a directory")?;
    ask(scene, "sweep .")?.is_line(0, "left  ", "(garbled)")?;
    let all = [
        ".config.pidward",
        "notes.ward",
        "empty.ward",
        ".d.pid.pidward",
    ];
    gone_and_there(&["config"], &all)
}

/// Whoever can write a pidfile beside it, or what looks put aside.
fn no_record(scene: &Scene) -> Checked {
    for line in [
        "sweep .",
        "sweep y.pid",
        "stop y.pid",
        "run -p y.pid -- true",
    ] {
        scene.clear()?;
        write("y.pid", NOBODY)?;
        write("y.pid.ward", "somebody's data\n")?;
        write("report.ward", "somebody's data\n")?;
        write_long_ago(".report.pidward", NOBODY)?;
        ask(scene, line)?.says(0, true, line)?;
        gone_and_there(&["y.pid"], &["y.pid.ward", "report.ward"])?;
    }
    Ok(())
}

fn no_number(scene: &Scene) -> Checked {
    scene.clear()?;
    write(".c.pid.pidward", "my notes\n")?;
    write_long_ago(".e.pid.pidward", "my notes\n")?;
    write("e.pid", "1\n")?;
    let lines = ["left  ", "left  "];
    ask(scene, "sweep .")?.is_lines(0, &lines)?;
    gone_and_there(&["c.pid"], &[".c.pid.pidward", ".e.pid.pidward", "e.pid"])
}

/// Neither can be moved while the other has the name that it needs: both stay, and that is said.
fn beside_dead(scene: &Scene) -> Checked {
    for line in ["sweep .", "sweep x.pid", "run -p x.pid -- true"] {
        scene.clear()?;
        let daemon = with_pidfile()?;
        put_aside()?;
        write("x.pid", NOBODY)?;
        let answer = ask(scene, line)?;
        answer.says(answer.code.unwrap_or(-1), true, line)?;
        let text = fs::read_to_string(file(ASIDE)).doing("read what was put aside")?;
        if text.trim() != daemon.process.pid.to_string() {
            return Err(Failure::new("the living one's is lost", text));
        }
        kill(daemon)?;
    }
    Ok(())
}

fn orphan(scene: &Scene) -> Checked {
    for text in ["", "pidward 1\npid 12\n"] {
        scene.clear()?;
        write("x.pid.ward", text)?;
        let record = File::open(Record::path(&file("x.pid"))).doing("open the record")?;
        let lock = Flock::lock(record, FlockArg::LockExclusive);
        let lock = lock.map_err(|(_, error)| error).doing("lock it")?;
        ask(scene, "sweep .")?.is_lines(0, &[])?;
        gone_and_there(&[], &["x.pid.ward"])?;
        drop(lock);
        ask(scene, "sweep .")?.is_line(0, "removed  ", "a record beside no pidfile (orphan)")?;
        gone_and_there(&["x.pid.ward"], &[])?;
    }
    Ok(())
}

fn dangling(scene: &Scene) -> Checked {
    scene.clear()?;
    let known = "/var/lib/pidward/known";
    fs::create_dir_all(known).doing("make a directory")?;
    let link = |name: &str, to: &str| symlink(to, format!("{known}/{name}")).doing("make a link");
    link("gone", "/mnt/daemon/gone.pid")?;
    link("there", "/mnt/daemon/empty.pid")?;
    // It may come back with what is mounted there.
    link("unmounted", "/mnt/nowhere/x.pid")?;
    write("empty.pid", "")?;
    let planned = ask(scene, "sweep --dry-run")?;
    planned.is_lines(0, &["left  /mnt/daemon/empty.pid", "would remove  "])?;
    ask(scene, "sweep")?.is_lines(0, &["left  /mnt/daemon/empty.pid", "removed  "])?;
    let left = fs::read_dir(known).doing("list the links")?;
    let mut left: Vec<_> = left.flatten().map(|it| it.file_name()).collect();
    left.sort();
    match left == ["there", "unmounted"] {
        true => Ok(()),
        false => Err(Failure::new("other links are left", format!("{left:?}"))),
    }
}

fn before_run(scene: &Scene) -> Checked {
    scene.clear()?;
    write_long_ago(ASIDE, NOBODY)?;
    write("x.pid", NOBODY)?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--", "sh", "-c"]);
    command.arg("ls -A; exit 7");
    let answer = crate::answer::Answer::of(command)?;
    let lines: Vec<&str> = answer.err.lines().collect();
    let said = lines.len() == 2
        && lines
            .iter()
            .all(|line| line.starts_with("pidward: removed "));
    answer.says(7, said && !answer.out.contains("x.pid\n"), "two removals")?;
    gone_and_there(&[ASIDE, "x.pid"], &[])
}
