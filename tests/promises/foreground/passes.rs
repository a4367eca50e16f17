//! A pidfile may pass to another process of the tree; it is followed.

use nix::sys::signal::Signal;
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::process::Process;
use pidward_tests::world::{evidence, owner};

use super::{Service, WAYS, ends, said_is};
use crate::guard::post::Post;
use crate::legacy::Legacy;
use crate::promise::Promise;
use crate::scene::Scene;

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    Promise::each(
        "the_foreground_follows_a_pidfile_that_is_handed_over",
        WAYS,
        handed_over,
    )
    .chain(Promise::each(
        "a_failed_hand_over_leaves_the_foreground_with_the_old_process",
        WAYS,
        failed,
    ))
    .chain(Promise::each(
        "a_child_that_writes_its_launchers_pidfile_is_the_daemon",
        &["named", "unpreloaded", "learned"],
        inherited,
    ))
    .chain([Promise::new(
        "a_daemon_that_removes_its_pidfile_is_still_the_daemon",
        removed,
    )])
}

/// As nginx does it at USR2.
fn upgraded(scene: &Scene, way: &str, old_then: &str) -> Checked<(Service, Process)> {
    let new = "aside make open x.pid say new serve 15 die return end";
    let steps = format!(
        "catch detach make open x.pid say ready serve 12 move x.pid x.pid.oldbin {new} {old_then}"
    );
    let mut service = Service::start(scene, way, &steps)?;
    let old = service.daemon.pid;
    service.signal(Signal::SIGUSR2)?;
    service.foreground.says("new")?;
    let post = &service.post;
    let new = post.until("another's", || {
        owner(&post.pidfile).filter(|owner| owner.pid != old)
    })?;
    post.recorded(new.pid)?;
    Ok((service, new))
}

fn handed_over(scene: &Scene, way: &str) -> Checked {
    let (mut service, _new) = upgraded(scene, way, "serve 3 say old")?;
    service
        .daemon
        .signal(Signal::SIGQUIT)
        .doing("end the old one")?;
    service.foreground.says("old")?;
    service.post.stays()?;
    service.signal(Signal::SIGHUP)?;
    service.foreground.says("got 1")?;
    service.signal(Signal::SIGTERM)?;
    let said = service.ends(7)?;
    said_is(&said, "ready got 12 new got 3 old got 1 got 15")
}

fn failed(scene: &Scene, way: &str) -> Checked {
    let old = "serve 10 move x.pid.oldbin x.pid say back serve 15 die return";
    let (mut service, new) = upgraded(scene, way, old)?;
    new.signal(Signal::SIGKILL).doing("kill the new one")?;
    if !new.dies_by(Deadline::seconds(10)) {
        return Err(Failure::new("the test itself", evidence()));
    }
    service.signal(Signal::SIGUSR1)?;
    service.foreground.says("back")?;
    service.post.recorded(service.daemon.pid)?;
    service.signal(Signal::SIGTERM)?;
    let said = service.ends(7)?;
    said_is(&said, "ready got 12 new got 10 back got 15")
}

/// As cron does it: the launcher has written its own PID and ends; the child writes later.
fn inherited(scene: &Scene, way: &str) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let steps =
        "catch hold x.pid put aside say ready hear put say written serve 15 die return end hear";
    let mut foreground = Legacy::start(super::command(scene, way, steps))?;
    foreground.says("ready")?;
    let launcher = post.until("named", || owner(&post.pidfile))?;
    post.recorded(launcher.pid)?;
    super::knows(&foreground.process, &post)?;
    launcher.signal(Signal::SIGKILL).doing("end the launcher")?;
    if !launcher.dies_by(Deadline::seconds(10)) {
        return Err(Failure::new("the launcher stays", evidence()));
    }
    foreground.go_on()?;
    foreground.says("written")?;
    let daemon = post.until("the child's", || owner(&post.pidfile))?;
    post.recorded(daemon.pid)?;
    foreground
        .process
        .signal(Signal::SIGTERM)
        .doing("signal it")?;
    said_is(&ends(foreground, 7)?, "ready written got 15")?;
    post.cleared()
}

/// As sshd does it at HUP, before it makes it anew.
fn removed(scene: &Scene) -> Checked {
    for way in WAYS {
        let steps = "catch detach make open x.pid say ready serve 1 gone x.pid serve 10 make open x.pid say anew serve 15 die return";
        let mut service = Service::start(scene, way, steps)?;
        service.signal(Signal::SIGHUP)?;
        service.post.is_gone()?;
        service.signal(Signal::SIGUSR1)?;
        service.foreground.says("anew")?;
        service.post.recorded(service.daemon.pid)?;
        service.signal(Signal::SIGTERM)?;
        service.ends(7)?;
    }
    Ok(())
}
