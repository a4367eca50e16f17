//! Dispositions: the daemon reads what it has set itself, and its handlers run as if they were alone.

use crate::promise::Promise;

/// Names, and indented below each its steps.
const SCRIPTS: &str = include_str!("dispositions.txt");

pub(super) fn promises() -> impl Iterator<Item = Promise> {
    let lines = SCRIPTS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut scripts: Vec<(&str, String)> = Vec::new();
    for line in lines {
        match (line.strip_prefix(' '), scripts.last_mut()) {
            (Some(steps), Some((_, script))) => script.extend([steps.trim_start(), " "]),
            _ => scripts.push((line, String::new())),
        }
    }
    let scripts = scripts.into_iter().map(|(name, script)| {
        Promise::new(
            format!("dispositions_are_the_daemons_own::{name}"),
            move |scene| scene.lives(&script)?.removed(&["x.pid"]),
        )
    });
    scripts.chain([Promise::new(
        "dispositions_stay_the_daemons_own_when_another_pidfile_is_seen",
        |scene| {
            let before =
                "make open x.pid set sigaction 10 count resethand set sigaction 12 SIG_DFL restart";
            let after = "query 10 query 12 raise 10 ran query 10 raise 15";
            let steps = format!("{before} make open y.pid {after}");
            scene.lives(&steps)?.removed(&["x.pid", "y.pid"])
        },
    )])
}
