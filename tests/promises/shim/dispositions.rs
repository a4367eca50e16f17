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
    scripts.into_iter().map(|(name, script)| {
        Promise::new(
            format!("dispositions_are_the_daemons_own::{name}"),
            move |scene| scene.lives(&script)?.removed(&["x.pid"]),
        )
    })
}
