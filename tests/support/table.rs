//! The table of cells in the README: made from what the cells' run wrote down, never by hand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::{Checked, Failure};

/// What one cell came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// The daemon, with its package's version.
    pub daemon: String,
    /// The way it ended.
    pub ending: String,
    /// The way it was started.
    pub mode: String,
    /// `✓`, or in a few words what happened instead.
    pub result: String,
}

/// What stands where a daemon has no such ending.
const NONE: &str = "–";
const BEGIN: &str = "<!-- cells:begin -->\n";
const END: &str = "<!-- cells:end -->";

/// The table in Markdown: a row a daemon, a column an ending, in the order of the cells.
#[must_use]
pub fn markdown(cells: &[Cell]) -> String {
    let daemons = in_order(cells.iter().map(|cell| &cell.daemon));
    let endings = in_order(cells.iter().map(|cell| &cell.ending));
    let mut found: BTreeMap<(&str, &str), Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        found
            .entry((&cell.daemon, &cell.ending))
            .or_default()
            .push(cell);
    }
    let mut table = String::from("| daemon |");
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

/// `text` with `table` between its markers.
///
/// # Errors
/// When the markers are not there.
pub fn replace(text: &str, table: &str) -> Checked<String> {
    let parts = text
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.ok_or_else(|| Failure::new("no place for the table", format!("no {BEGIN}…{END}")))?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
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
            markdown(&cells),
            format!("| daemon | SIGTERM | SIGKILL |\n|---|---|---|\n{row}")
        );
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let old = "a\n<!-- cells:begin -->\nold\n<!-- cells:end -->\nb\n";
        let new = "a\n<!-- cells:begin -->\nnew\n<!-- cells:end -->\nb\n";
        assert_eq!(replace(old, "new\n"), Ok(new.to_owned()));
        assert!(replace("a\n", "new\n").is_err());
    }
}
