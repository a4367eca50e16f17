//! What to send a daemon that is to stop, and how long to wait: a schedule as start-stop-daemon(8) has it.
//!
//! Items with slashes between them: a signal (`TERM`, `-TERM`, `-15`), a number of seconds to wait, or `forever`, which
//! repeats all that follows it. A number alone, `30`, means `TERM/30/KILL/30`.

use std::str::FromStr;
use std::time::Duration;

use pidward_identity::signal::Signal;

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Send this.
    Send(Signal),
    /// Wait so long for the end.
    Wait(Duration),
}

/// A schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Schedule {
    steps: Vec<Step>,
    /// The step to go back to at the end.
    repeat: Option<usize>,
}

impl Schedule {
    /// Takes the step that this counter stands at, and moves it on. `None` when the schedule is over.
    pub(crate) fn next(&self, at: &mut usize) -> Option<Step> {
        if *at == self.steps.len() {
            *at = self.repeat?;
        }
        let step = self.steps.get(*at).copied()?;
        *at += 1;
        Some(step)
    }
}

impl FromStr for Schedule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let items: Vec<&str> = text.split('/').collect();
        if let [alone] = items[..] {
            let Ok(wait @ Step::Wait(_)) = step(alone) else {
                return Err("a schedule is a number of seconds, or at least two items");
            };
            let steps = [Signal::TERM, Signal::KILL].map(|signal| [Step::Send(signal), wait]);
            return Ok(Self {
                steps: steps.concat(),
                repeat: None,
            });
        }
        let (mut steps, mut repeat) = (Vec::new(), None);
        for item in items {
            if item != "forever" {
                steps.push(step(item)?);
            } else if repeat.replace(steps.len()).is_some() {
                return Err("forever is there more than once");
            }
        }
        // Without a time to wait it would do nothing else for ever.
        let waits = |step: &Step| matches!(step, Step::Wait(time) if !time.is_zero());
        match repeat.and_then(|repeat| steps.get(repeat..)) {
            Some(repeated) if !repeated.iter().any(waits) => {
                Err("what follows forever has no time to wait")
            }
            _ => Ok(Self { steps, repeat }),
        }
    }
}

fn step(item: &str) -> Result<Step, &'static str> {
    if item.starts_with(|first: char| first.is_ascii_digit()) {
        let seconds = item.parse().map_err(|_| "not a number of seconds")?;
        return Ok(Step::Wait(Duration::from_secs(seconds)));
    }
    let signal = Signal::parse(item.strip_prefix('-').unwrap_or(item));
    signal.map(Step::Send).ok_or("no such signal")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first steps, in the words of a schedule.
    fn first(text: &str, count: usize) -> Result<String, &'static str> {
        let schedule: Schedule = text.parse()?;
        let mut at = 0;
        let steps = std::iter::from_fn(|| schedule.next(&mut at)).take(count);
        let words = steps.map(|step| match step {
            Step::Send(signal) => signal.to_string(),
            Step::Wait(time) => time.as_secs().to_string(),
        });
        Ok(words.collect::<Vec<_>>().join("/"))
    }

    #[test]
    fn a_schedule_is_read_as_start_stop_daemon_reads_it() {
        for (text, steps) in [
            ("TERM/30/KILL/5", "TERM/30/KILL/5"),
            ("-TERM/30/-9/5", "TERM/30/KILL/5"),
            ("SIGHUP/1/-RTMIN+3", "HUP/1/RTMIN+3"),
            ("30", "TERM/30/KILL/30"),
            ("INT/10/forever/TERM/5", "INT/10/TERM/5/TERM/5/TERM"),
            ("forever/TERM/1", "TERM/1/TERM/1/TERM/1/TERM"),
            ("TERM/0", "TERM/0"),
            ("QUIT/KILL", "QUIT/KILL"),
        ] {
            assert_eq!(first(text, 7).as_deref(), Ok(steps), "{text}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "TERM",
            "forever",
            "TERM//5",
            "TERM/5/",
            "TERM/5s",
            "TERM/-1/x",
            "FOO/5",
            "TERM/forever",
            "TERM/5/forever/KILL",
            "TERM/forever/KILL/0",
            "forever/TERM/1/forever/KILL/1",
            "TERM/99999999999999999999",
        ] {
            assert!(first(text, 1).is_err(), "{text:?}");
        }
    }
}
