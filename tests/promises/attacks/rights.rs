//! Who starts a program that gains rights by being started gives it no orders: neither to the library in it, nor to pidward
//! itself, should somebody have made that set-user-ID.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::layer;
use pidward_tests::proc;
use pidward_tests::world::evidence;

use super::{MALLORY, directory_of_mallory};
use crate::compare::bare;
use crate::guard::post::{Post, kill, ready};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::{copied, installed};
use crate::scene::{HOME, Scene, file, write};

/// How a program gains rights.
const GAINS: &[&str] = &["set_user_id", "set_group_id", "capabilities"];

/// Where the dynamic linker looks for what is preloaded into such programs, if that is set-user-ID itself (ld.so(8)).
const TRUSTED: &str = "/usr/lib";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "the_library_takes_no_orders_in_a_program_that_gains_rights",
        GAINS,
        library,
    )
    .chain(Promise::each(
        "pidward_takes_no_orders_where_it_gains_rights",
        GAINS,
        itself,
    ))
}

/// Gives a program of root's these rights.
fn give(program: &Path, gain: &str) -> Checked {
    chown(program, Some(0), Some(0)).doing("make it root's")?;
    let mode = match gain {
        "set_user_id" => 0o4755,
        "set_group_id" => 0o2755,
        _ => 0o755,
    };
    fs::set_permissions(program, Permissions::from_mode(mode)).doing("set its mode")?;
    if gain == "capabilities" {
        let mut setcap = Command::new("setcap");
        let set = setcap.arg("cap_net_raw,cap_dac_override+ep").arg(program);
        if !set.status().doing("setcap")?.success() {
            return Err(Failure::new("the test itself", "setcap"));
        }
    }
    Ok(())
}

/// The attacker's: what he has started instead of the guard leaves a file.
fn evil(command: &mut Command) -> Checked {
    directory_of_mallory("his")?;
    write("evil", format!("#!/bin/sh\n: >{HOME}/his/was_run\n"))?;
    fs::set_permissions(file("evil"), Permissions::from_mode(0o755)).doing("make it a program")?;
    command
        .env("PIDWARD_GUARD_EXE", file("evil"))
        .env("PIDWARD_PIDFILE", file("his/named.lock"))
        .env("PIDWARD_WITHOUT", "pidfd")
        .env("XDG_STATE_HOME", file("his/state"))
        .env("HOME", file("his/home"));
    command.uid(MALLORY).gid(MALLORY);
    Ok(())
}

fn was_run() -> bool {
    file("his/was_run").exists()
}

/// Without the rights the library does what it is told; with them, loaded all the same, it does nothing.
fn library(scene: &Scene, gain: &str) -> Checked {
    layer(TRUSTED)?;
    let library = Path::new(TRUSTED).join("libpidward.so");
    fs::copy(&scene.library, &library).doing("install the library")?;
    fs::set_permissions(&library, Permissions::from_mode(0o4755)).doing("make it preloadable")?;
    for gain in ["nothing", gain] {
        scene.clear()?;
        let program = file("daemon");
        fs::copy(Scene::program(LEGACY), &program).doing("copy the daemon")?;
        give(&program, gain)?;
        let mut command = bare(&program);
        command.env("LD_PRELOAD", "libpidward.so").args(
            "make open his/x.pid make open his/named.lock query 15 say ready hear die return"
                .split(' '),
        );
        evil(&mut command)?;
        let mut daemon = ready(command)?;
        let maps = fs::read_to_string(format!("/proc/{}/maps", daemon.process.pid));
        if !maps.doing("its libraries")?.contains("libpidward.so") {
            return Err(Failure::new("the test itself", "the library is not loaded"));
        }
        daemon.go_on()?;
        let ended = daemon.end()?;
        let is_obeyed = was_run();
        let left = ["his/x.pid", "his/named.lock"].map(|name| file(name).exists());
        let expected = (gain == "nothing", [gain != "nothing"; 2]);
        if (is_obeyed, left) != expected || ended.status.code() != Some(7) {
            let seen = format!("{is_obeyed} {left:?}\n{ended:#?}\n{}", evidence());
            return Err(Failure::new(format!("with the rights of {gain}"), seen));
        }
    }
    Ok(())
}

/// Its own guard is started, whatever the variables say, and nothing is written where they say.
fn itself(scene: &Scene, gain: &str) -> Checked {
    let copy = copied(scene)?;
    give(&copy.join("pidward"), gain)?;
    scene.clear()?;
    let words = ["run", "-p", "x.pid", "--no-preload", "--"];
    let mut command = installed(&copy, &words);
    command
        .arg(Scene::program(LEGACY))
        .args("make open x.pid say ready hear".split(' '))
        .env("PIDWARD_GUARD", "off");
    evil(&mut command)?;
    let post = Post::at("x.pid")?;
    let daemon = ready(command)?;
    post.recorded(daemon.process.pid)?;
    let is_obeyed = was_run() || file("his/state").exists() || file("his/home").exists();
    // Nor is the kernel taken for an older one.
    let mut status = installed(&copy, &["status", "x.pid"]);
    status
        .env("PIDWARD_WITHOUT", "handle")
        .uid(MALLORY)
        .gid(MALLORY);
    let status = status.output().doing("ask for the status")?;
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    if is_obeyed || !said.contains("(verified by pidfd handle)") {
        let seen = format!("{is_obeyed} {said} {:#?}", proc::pidwards());
        return Err(Failure::new(
            "it was obeyed",
            format!("{seen}\n{}", evidence()),
        ));
    }
    kill(daemon)?;
    post.cleared()
}
