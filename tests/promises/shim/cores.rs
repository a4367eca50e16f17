//! The core file of a death is the one that there would be without the shim: the same siginfo, the same instruction,
//! the same registers, the same backtrace of each thread.
//!
//! Lives lives have the same addresses, because they are not randomized, and environments of the same length. Two things
//! differ that no program ever sees: where a system call was interrupted, its result is EINTR instead of the kernel's own
//! code for that (`gdb.rs`), and the number of the system call is no longer known (`orig_rax`).

use std::cell::RefCell;
use std::fs;
use std::thread;

use nix::sys::personality::{self, Persona};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::evidence;

use super::deaths::OVERFLOWS;
use super::signals::WAYS;
use crate::compare::{Life, Lives, bare};
use crate::gdb::Core;
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::scene::Scene;

/// Deaths with a core that the daemon comes to by itself.
const DEATHS: &[&str] = &[
    "die segv",
    "die segv_of_no_page",
    "die bus",
    "die fpe",
    "die ill",
    "die trap",
    "die abort",
    "die assert",
    "die overflow_of_buffer",
    "die file_size",
    "wait timer_that_quits",
    "wait cpu_limit",
    "wait ctrl_backslash",
];

/// Those that another thread can come to.
const DEATHS_OF_A_THREAD: &[&str] = &[
    "die segv",
    "die segv_of_no_page",
    "die bus",
    "die fpe",
    "die ill",
    "die trap",
    "die abort",
    "die assert",
    "die overflow_of_buffer",
    "die file_size",
];

/// Signals that dump core: one that has nothing to do with faults, one of abort(3)'s, and one of a fault's.
const SIGNALS: [i32; 3] = [libc::SIGQUIT, libc::SIGABRT, libc::SIGSEGV];

/// Where the daemon waits in a system call that the kernel restarts after a handler with SA_RESTART: read(2), and the
/// futex(2) of pthread_join(3). In pause(2), say, it does not.
const CALLS: &[&str] = &["say ready hear", "child thread pause end"];

/// How another thread begins: the first one waits for it by then.
const THREAD: &str = "child thread say ready hear";

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    Promise::each(
        "a_core_is_the_one_there_would_be_without_the_shim",
        DEATHS,
        of_a_death,
    )
    .chain(Promise::each(
        "a_core_of_another_thread_is_the_one_there_would_be",
        DEATHS_OF_A_THREAD,
        |scene, death| of_a_death(scene, &format!("child thread {death} end")),
    ))
    .chain(WAYS.into_iter().map(|(name, steps, sender)| {
        Promise::new(
            format!("a_core_of_a_signal_is_the_one_there_would_be::{name}"),
            move |scene| {
                SIGNALS
                    .iter()
                    .try_for_each(|signal| of_a_signal(scene, *signal, steps, sender))
            },
        )
    }))
    .chain(Promise::each(
        "a_core_of_a_full_stack_is_the_one_there_would_be_where_handlers_have_another",
        OVERFLOWS,
        of_a_death,
    ))
    .chain(Promise::each(
        "a_core_of_a_system_call_that_can_be_restarted_shows_the_same_place",
        CALLS,
        |scene, steps| of_a_signal(scene, libc::SIGQUIT, steps, Some("send P N")),
    ))
    .chain(Promise::each(
        "a_core_of_a_fault_that_was_sent_into_such_a_call_shows_the_same_place",
        CALLS,
        |scene, steps| of_a_signal(scene, libc::SIGSEGV, steps, Some("send P N")),
    ))
    .chain([
        each(
            "a_core_of_a_full_stack_shows_the_place_if_not_the_address",
            of_a_full_stack,
        ),
        each(
            "a_core_of_a_filter_that_traps_is_the_one_there_would_be",
            |scene| {
                let (both, cores) = with_cores(scene, "filter prctl traps trapped", None)?;
                both.are_the_same()?;
                are_alike(&cores)
            },
        ),
        each(
            "a_core_of_a_trap_set_behind_the_shims_back_is_the_one_there_would_be",
            |scene| of_a_death(scene, "filter instruction traps trapped"),
        ),
    ])
}

fn of_a_death(scene: &Scene, death: &str) -> Checked {
    let (both, cores) = with_cores(scene, death, None)?;
    both.removed(&["x.pid"])?;
    are_alike(&cores)
}

fn of_a_signal(scene: &Scene, signal: i32, steps: &str, sender: Option<&str>) -> Checked {
    let number = signal.to_string();
    let sender = sender.map(|sender| sender.replace('N', &number));
    let (both, cores) = with_cores(scene, &steps.replace('N', &number), sender.as_deref())?;
    both.removed(&["x.pid"])?;
    are_alike(&cores)
}

/// Without another stack there is no room for our handler. Then the kernel sends a SIGSEGV of its own (`force_sigsegv`
/// in kernel/signal.c), whose siginfo has SI_KERNEL instead of SEGV_MAPERR or SEGV_ACCERR, and no address. All else is
/// as it would be.
fn of_a_full_stack(scene: &Scene) -> Checked {
    const SEGV_MAPERR: i32 = 1;
    const SEGV_ACCERR: i32 = 2;
    for steps in [
        "die overflow_of_stack",
        "child thread die overflow_of_stack end",
    ] {
        let (both, mut cores) = with_cores(scene, steps, None)?;
        both.are_the_same()?;
        let codes: Vec<_> = cores.iter_mut().map(Core::take_code).collect();
        are_alike(&cores)?;
        let [Some(SEGV_MAPERR | SEGV_ACCERR), Some(libc::SI_KERNEL)] = codes[..] else {
            return Err(Failure::new("other codes than ever", format!("{codes:?}")));
        };
    }
    Ok(())
}

fn are_alike(cores: &[Core]) -> Checked {
    let [without, with @ ..] = cores else {
        return Err(Failure::new("the test itself", "no cores"));
    };
    with.iter().try_for_each(|with| with.is_like(without))
}

/// Lives lives of a daemon that makes a pidfile, and then dies by its steps or by what a sender does, and their cores.
fn with_cores(scene: &Scene, steps: &str, sender: Option<&str>) -> Checked<(Lives, Vec<Core>)> {
    setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).doing("allow cores")?;
    personality::set(Persona::ADDR_NO_RANDOMIZE).doing("have the same addresses")?;
    // Where the first thread is meanwhile has to be the same too.
    let steps = steps.replace("child thread", THREAD);
    let cores = RefCell::new(Vec::new());
    let both = scene.both_with(|life| {
        let mut daemon = start(scene, life, &steps)?;
        if steps.contains("say ready") {
            daemon.says("ready")?;
            waits(&daemon)?;
        }
        let sender = match sender {
            Some(sender) => Some(send(sender, &daemon)?),
            None if steps.contains(THREAD) => daemon.go_on().map(|()| None)?,
            None => None,
        };
        let ended = daemon.end()?;
        let core = Core::read(&Scene::program(LEGACY), sender)?;
        cores.borrow_mut().push(core);
        Ok(ended)
    })?;
    Ok((both, cores.into_inner()))
}

/// Starts the daemon; what lies on its stack has the same length in both lives.
fn start(scene: &Scene, life: &Life<'_>, steps: &str) -> Checked<Legacy> {
    let mut command = life.command(&Scene::program(LEGACY));
    if !life.has_shim() {
        command.env("NO_PRELOAD", &scene.library);
    }
    command.args(["make", "open", "x.pid"]);
    command.args(steps.split_whitespace());
    Legacy::start(command)
}

/// Waits until the daemon's first thread sleeps, of which nobody is told by an event.
fn waits(daemon: &Legacy) -> Checked {
    let deadline = Deadline::seconds(20);
    let stat = format!("/proc/{}/stat", daemon.process.pid);
    while !deadline.passed() {
        let stat = fs::read_to_string(&stat).doing("look at the daemon")?;
        let state = stat.rsplit_once(") ").map(|(_, state)| state);
        if state.is_some_and(|state| state.starts_with('S')) {
            return Ok(());
        }
        thread::yield_now();
    }
    Err(Failure::new("never waits", evidence()))
}

/// Lets another process do its steps, and gives that one's PID.
fn send(steps: &str, daemon: &Legacy) -> Checked<i32> {
    let mut command = bare(&Scene::program(LEGACY));
    let steps = steps.replace('P', &daemon.process.pid.to_string());
    command.args(steps.split_whitespace());
    let sender = Legacy::start(command)?;
    let pid = sender.process.pid;
    sender.end()?;
    Ok(pid)
}
