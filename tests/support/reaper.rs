//! Reaping as an init does it: at once, whatever the test is waiting for. A stop command that waits until its daemon is
//! no process any more would otherwise wait for the test.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};

use crate::deadline::Deadline;

/// A thread that reaps all children of this process, and what it learned.
#[derive(Clone, Debug, Default)]
pub struct Reaper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    started: usize,
    ended: HashMap<i32, String>,
}

impl Reaper {
    /// Starts it. No other code of this process may wait for children.
    #[must_use]
    pub fn start() -> Self {
        let reaper = Self::default();
        let reaping = reaper.clone();
        thread::spawn(move || reaping.reap());
        reaper
    }

    /// Says that there is a new child; while there is none, nothing is waited for.
    pub fn started(&self) {
        self.state().started += 1;
        self.0.news.notify_all();
    }

    /// How a child ended, once it has; none when it has not at the deadline.
    #[must_use]
    pub fn end_of(&self, pid: i32, deadline: Deadline) -> Option<String> {
        let lives = |state: &mut State| !state.ended.contains_key(&pid);
        let waited = self
            .0
            .news
            .wait_timeout_while(self.state(), deadline.remaining(), lives);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.ended.get(&pid).cloned()
    }

    fn reap(&self) {
        loop {
            let started = self.state().started;
            match waitpid(None, None) {
                Ok(status) => {
                    let Some(pid) = status.pid() else { continue };
                    self.state().ended.insert(pid.as_raw(), in_words(status));
                    self.0.news.notify_all();
                }
                Err(Errno::ECHILD) => {
                    let same = |state: &mut State| state.started == started;
                    drop(self.0.news.wait_while(self.state(), same));
                }
                Err(_) => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_words(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exited {code}"),
        WaitStatus::Signaled(_, signal, false) => signal.to_string(),
        WaitStatus::Signaled(_, signal, true) => format!("{signal} with core"),
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => "not ended".to_owned(),
    }
}
