//! Environments as long as the kernel takes them (execve(2): 128 KiB a string, and by default 2 MiB in all).

use pidward_tests::failure::{Checked, Failure};

use crate::answer::Answer;
use crate::compare::{Life, NO_GUARD, bare};
use crate::guard::post::{Post, ready};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::{pidward, says};
use crate::scene::{Scene, write};

/// The longest string, without its NUL (`MAX_ARG_STRLEN`, include/uapi/linux/binfmts.h).
const LONGEST: usize = 32 * 4096 - 1;

/// Which variables fill it.
const FULL: &[&str] = &["one_string", "two_megabytes", "ten_thousand_pidfiles"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each("a_full_environment_changes_nothing", FULL, changes_nothing)
        .chain(Promise::each(
            "pidward_does_its_work_in_a_full_environment",
            FULL,
            does_its_work,
        ))
        .chain(Promise::each(
            "without_room_for_its_variables_run_says_so_and_runs_the_command",
            &["run", "run -f"],
            no_room,
        ))
        .chain([Promise::new(
            "a_seen_pidfile_is_looked_after_with_ten_thousand_others_named",
            seen_besides,
        )])
}

fn full(how: &str) -> Vec<(String, String)> {
    let filled = |name: &str, length| (name.to_owned(), "x".repeat(length));
    match how {
        "one_string" => vec![filled("A", LONGEST - "A=".len())],
        "two_megabytes" => (0..20)
            .map(|at| filled(&format!("V{at}"), 100_000))
            .collect(),
        _ => vec![("PIDWARD_PIDFILE".to_owned(), ten_thousand())],
    }
}

/// The names of ten thousand pidfiles, none of which ever comes.
fn ten_thousand() -> String {
    let all: Vec<String> = (0..10_000).map(|at| format!("/none/{at:04}.l")).collect();
    all.join(":")
}

fn changes_nothing(scene: &Scene, how: &str) -> Checked {
    let full = full(how);
    let borrowed = full.iter().map(|(name, value)| (&**name, &**value));
    let environment: Vec<_> = borrowed.chain([NO_GUARD]).collect();
    for death in ["die return", "raise 15", "die abort"] {
        let live = |life: &Life<'_>| {
            life.start(&format!("query 15 make open x.pod {death}"))?
                .end()
        };
        scene.both_in(&environment, live)?.are_the_same()?;
    }
    // Where others are named, a guard knows it, and there is none here.
    let removed: &[&str] = match how {
        "ten_thousand_pidfiles" => &[],
        _ => &["x.pid"],
    };
    let live = |life: &Life<'_>| life.start("make open x.pid raise 15")?.end();
    scene.both_in(&environment, live)?.removed(removed)
}

fn does_its_work(scene: &Scene, how: &str) -> Checked {
    let ask = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = pidward(scene, &words);
        command.envs(full(how));
        Answer::of(command)
    };
    scene.clear()?;
    write("x.pid", "4194303\n")?;
    ask("status x.pid")?.is_line(1, "stale", "(dead)")?;
    ask("sweep x.pid")?.is_line(0, "removed", "(dead)")?;
    write("x.pid", "4194303\n")?;
    ask("stop x.pid")?.is_line(0, "removed", "(dead)")?;
    for run in [&["run"][..], &["run", "-f"]] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let mut command = pidward(scene, &[run, &["-p", "x.pid", "--"]].concat());
        command.arg(Scene::program(LEGACY)).envs(full(how));
        command.args("make open x.pid say ready hear die return".split(' '));
        let mut daemon = ready(command)?;
        post.until("guarded", || post.has_record().then_some(()))?;
        daemon.go_on()?;
        let ended = daemon.end()?;
        if ended.status.code() != Some(7) {
            return Err(Failure::new("ends otherwise", format!("{ended:#?}")));
        }
        post.cleared()?;
    }
    Ok(())
}

/// The library's variables would make one string too long, or all of them together.
fn no_room(scene: &Scene, run: &str) -> Checked {
    let words: Vec<&str> = run.split(' ').chain(["-p", "x.pid", "sh", "-c"]).collect();
    scene.clear()?;
    let mut command = pidward(scene, &words);
    let named = "/".repeat(LONGEST - "PIDWARD_PIDFILE=".len());
    command.arg("exit 7").env("PIDWARD_PIDFILE", named);
    let said = ["pidward: not preloading", "the environment is too long"];
    says(command, 7, 1, &said).map(drop)
}

/// The library has room for few of them, and what it has no room for it leaves to a guard.
fn seen_besides(scene: &Scene) -> Checked {
    for death in ["raise 15", "raise 9"] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let mut command = bare(&Scene::program(LEGACY));
        command
            .env("LD_PRELOAD", scene.release.join("libpidward.so"))
            .env("PIDWARD_PIDFILE", ten_thousand());
        command.args("make open x.pid say ready hear".split(' '));
        command.args(death.split(' '));
        let mut daemon = ready(command)?;
        post.recorded(daemon.process.pid)?;
        daemon.go_on()?;
        daemon.end()?;
        post.cleared()?;
    }
    Ok(())
}
