//! Whatever of pidward itself is missing or broken is said in a line, and the command runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;

use super::{copied, installed, pidward, says};
use crate::guard::post::{Post, kill, ready};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

/// What may have become of a file.
const BROKEN: &[&str] = &["missing", "empty", "text", "directory", "foreign", "half"];

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "the_command_runs_without_the_library",
        BROKEN,
        |scene, how| broken(scene, "libpidward.so", how),
    )
    .chain(Promise::each(
        "the_command_runs_without_the_guard",
        &[
            "missing",
            "empty",
            "text",
            "directory",
            "foreign",
            "not_executable",
        ],
        |scene, how| broken(scene, "pidward-guard", how),
    ))
    .chain([
        each("guards_that_are_switched_off_are_not_started", switched_off),
        each(
            "a_broken_library_leaves_the_guards_work_undisturbed",
            guard_alone,
        ),
    ])
}

/// Breaks a file.
fn spoil(path: &Path, how: &str) -> Checked {
    let mut bytes = fs::read(path).doing("read it")?;
    fs::remove_file(path).doing("remove it")?;
    let executable = match how {
        "missing" => return Ok(()),
        "directory" => return fs::create_dir(path).doing("make a directory"),
        "empty" => {
            bytes.clear();
            true
        }
        "text" => {
            bytes = b"No ELF file.\0\n".repeat(20);
            true
        }
        // e_machine, of a machine that is no more.
        "foreign" => {
            bytes.splice(18..20, [1, 0]);
            true
        }
        "half" => {
            bytes.truncate(bytes.len() / 2);
            true
        }
        _ => false,
    };
    fs::write(path, bytes).doing("write it")?;
    let mode = fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 });
    fs::set_permissions(path, mode).doing("set its mode")
}

fn broken(scene: &Scene, part: &str, how: &str) -> Checked {
    let copy = copied(scene)?;
    spoil(&copy.join(part), how)?;
    scene.clear()?;
    let mut command = installed(&copy, &["run", "-p", "x.pid", "--", "sh", "-c"]);
    command.arg("exit 7");
    says(command, 7, 1, &[part]).map(drop)
}

fn guard_alone(scene: &Scene) -> Checked {
    let copy = copied(scene)?;
    spoil(&copy.join("libpidward.so"), "text")?;
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut command = installed(&copy, &["run", "-p", "x.pid", "--"]);
    command.arg(Scene::program(LEGACY));
    command.args("make open x.pid say ready hear".split(' '));
    let daemon = ready(command)?;
    post.recorded(daemon.process.pid)?;
    kill(daemon)?;
    post.cleared()
}

fn switched_off(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let mut command = pidward(scene, &["run", "-p", "x.pid", "--"]);
    command
        .env("PIDWARD_GUARD", "off")
        .arg(Scene::program(LEGACY));
    command.args("make open x.pid say ready hear".split(' '));
    let daemon = ready(command)?;
    let guards = proc::pidwards();
    kill(daemon)?;
    if !guards.is_empty() || post.has_record() || !post.is_there() {
        return Err(Failure::new("there is a guard", format!("{guards:#?}")));
    }
    Ok(())
}
