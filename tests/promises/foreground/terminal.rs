//! On a terminal the command stays in the foreground's process group: `^C` ends it as in a shell, and comes once.

use nix::sys::signal::Signal;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::proc;
use pidward_tests::process::Process;
use pidward_tests::world::owner;

use super::{options, said_is};
use crate::compare::bare;
use crate::guard::post::{Post, ready};
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "ctrl_c_reaches_the_daemon_exactly_once",
        &["", "detach"],
        ctrl_c,
    )
}

fn ctrl_c(scene: &Scene, detach: &str) -> Checked {
    for way in ["named", "learned"] {
        scene.clear()?;
        let post = Post::at("x.pid")?;
        let mut command = bare(&Scene::program(LEGACY));
        command
            .args(["terminal"])
            .arg(scene.release.join("pidward"));
        command.args(options(way)).arg(Scene::program(LEGACY));
        let steps = format!("catch {detach} make open x.pid say ready serve 15 die return");
        command.args(steps.split_whitespace());
        command.args("end hear type_ctrl_c await".split_whitespace());
        let mut terminal = ready(command)?;
        let daemon = post.until("named", || owner(&post.pidfile))?;
        post.recorded(daemon.pid)?;
        let foreground = proc::others();
        let foreground = foreground.iter().find(|seen| seen.comm == "pidward");
        let foreground = foreground.and_then(|seen| Process::living(seen.pid));
        let foreground = foreground.ok_or("none").doing("find pidward")?;
        super::knows(&foreground, &post)?;
        terminal.go_on()?;
        terminal.says("got 2")?;
        // Whatever else was sent has come by the time that this has: by way of pidward, after it.
        foreground.signal(Signal::SIGTERM).doing("signal it")?;
        let ended = terminal.end()?;
        said_is(&ended.said, "ready got 2 got 15")?;
        if ended.status.code() != Some(7) {
            let evidence = format!("{ended:#?}");
            return Err(Failure::new("ends otherwise", evidence));
        }
    }
    Ok(())
}
