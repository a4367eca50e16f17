//! `tables`: runs what a table of the README is about, and writes that table: `cells` or `verdicts`.
//!
//! A table says what happened in this run, so it is written whether or not all was as promised; the exit status is the
//! run's.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use pidward_tests::failure::{Checked, Doing};
use pidward_tests::table::{Cell, OUT, markdown, replace};

/// A table, and the run that fills it.
struct Table {
    /// What it is called, also in the README.
    name: &'static str,
    /// What its rows are.
    rows: &'static str,
    /// The test program.
    test: &'static str,
    /// What of it is run.
    filter: &'static [&'static str],
}

const TABLES: [Table; 2] = [
    Table {
        name: "cells",
        rows: "daemon",
        test: "daemons",
        filter: &[],
    },
    Table {
        name: "verdicts",
        rows: "the number in the pidfile",
        test: "promises",
        filter: &["of_each_number_pidward_says_what_it_is"],
    },
];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("tables: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Checked<bool> {
    let name = env::args().nth(1).unwrap_or_default();
    let table = TABLES.iter().find(|table| table.name == name);
    let table = table.ok_or(name).doing("find the table")?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = workspace.join("README.md");
    let text = fs::read_to_string(&readme).doing(readme.display())?;
    // Before minutes go by: is there a place for the table?
    replace(&text, table.name, "")?;

    let cells = env::temp_dir().join(format!("pidward-{}-{}", table.name, std::process::id()));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut test = Command::new(cargo);
    test.args([
        "test",
        "--package",
        "pidward-tests",
        "--test",
        table.test,
        "--",
    ])
    .args(table.filter)
    .current_dir(&workspace)
    .env(OUT, &cells);
    let status = test.status().doing("run the tests")?;

    let written = fs::read_to_string(&cells).doing("read what the tests wrote")?;
    fs::remove_file(&cells).doing("remove what the tests wrote")?;
    let cells: Vec<Cell> = serde_json::from_str(&written).doing("read the cells")?;
    let filled = replace(&text, table.name, &markdown(table.rows, &cells))?;
    fs::write(&readme, filled).doing(readme.display())?;
    Ok(status.success())
}
