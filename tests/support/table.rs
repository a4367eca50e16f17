//! The tables in the README: made from what a run of the tests wrote down, never by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use serde::{Deserialize, Serialize};

use crate::failure::{Checked, Doing, Failure};

/// The environment's variable that names the file to which a run writes its cells.
pub const OUT: &str = "PIDWARD_CELLS_OUT";

/// What one cell came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// Its row: a daemon, with its package's version.
    pub daemon: String,
    /// Its column: the way that daemon ended.
    pub ending: String,
    /// Where several share one: the way it was started.
    pub mode: String,
    /// `✓`, or in a few words what happened instead.
    pub result: String,
}

/// What stands where a daemon has no such ending.
const NONE: &str = "–";

/// Writes cells to the file that [`OUT`] names, if it is set.
///
/// # Errors
/// When it cannot be written.
pub fn write(cells: &[Cell]) -> Checked {
    let Some(file) = env::var_os(OUT) else {
        return Ok(());
    };
    let text = serde_json::to_string_pretty(cells).doing("write the cells")?;
    fs::write(&file, text).doing(Path::new(&file).display())
}

/// The table in Markdown: a row a daemon, a column an ending, in the order of the cells.
#[must_use]
pub fn markdown(rows: &str, cells: &[Cell]) -> String {
    let daemons = in_order(cells.iter().map(|cell| &cell.daemon));
    let endings = in_order(cells.iter().map(|cell| &cell.ending));
    let mut found: BTreeMap<(&str, &str), Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        found
            .entry((&cell.daemon, &cell.ending))
            .or_default()
            .push(cell);
    }
    let mut table = format!("| {rows} |");
    endings
        .iter()
        .for_each(|ending| table.push_str(&format!(" {ending} |")));
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(endings.len()));
    for daemon in daemons {
        table.push_str(&format!("\n| {daemon} |"));
        for ending in &endings {
            let here = found
                .get(&(daemon, ending))
                .map(Vec::as_slice)
                .unwrap_or_default();
            table.push_str(&format!(" {} |", in_brief(here)));
        }
    }
    table.push('\n');
    table
}

/// One word when all modes came to the same, else each of them.
fn in_brief(cells: &[&Cell]) -> String {
    let Some(first) = cells.first() else {
        return NONE.to_owned();
    };
    if cells.iter().all(|cell| cell.result == first.result) {
        return first.result.clone();
    }
    let each: Vec<String> = cells
        .iter()
        .map(|cell| format!("`{}` {}", cell.mode, cell.result))
        .collect();
    each.join("<br>")
}

fn in_order<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name.as_str()) {
            seen.push(name);
        }
    }
    seen
}

/// `text` with `table` between the markers of this name.
///
/// # Errors
/// When the markers are not there.
pub fn replace(text: &str, name: &str, table: &str) -> Checked<String> {
    let begin = format!("<!-- {name}:begin -->\n");
    let end = format!("<!-- {name}:end -->");
    let parts = text
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) =
        parts.ok_or_else(|| Failure::new("no place for the table", format!("no {begin}…{end}")))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{Cell, markdown, replace};

    fn cell(mode: &str, ending: &str, result: &str) -> Cell {
        let owned = str::to_owned;
        Cell {
            daemon: owned("nginx 1.22"),
            ending: owned(ending),
            mode: owned(mode),
            result: owned(result),
        }
    }

    #[test]
    fn modes_that_agree_are_one_word_and_others_are_named() {
        let cells = [
            cell("run", "SIGTERM", "✓"),
            cell("preload", "SIGTERM", "✓"),
            cell("run", "SIGKILL", "✓"),
            cell("preload", "SIGKILL", "pidfile stayed"),
        ];
        let row = "| nginx 1.22 | ✓ | `run` ✓<br>`preload` pidfile stayed |\n";
        assert_eq!(
            markdown("daemon", &cells),
            format!("| daemon | SIGTERM | SIGKILL |\n|---|---|---|\n{row}")
        );
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let old = "a\n<!-- cells:begin -->\nold\n<!-- cells:end -->\nb\n";
        let new = "a\n<!-- cells:begin -->\nnew\n<!-- cells:end -->\nb\n";
        assert_eq!(replace(old, "cells", "new\n"), Ok(new.to_owned()));
        assert!(replace("a\n", "cells", "new\n").is_err());
    }
}
