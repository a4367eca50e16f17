//! `cells`: runs the matrix of daemons, modes and endings, and writes its table into the README.
//!
//! The table says what happened in this run, so it is written whether or not all cells held; the exit status is the
//! matrix's.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use pidward_tests::failure::{Checked, Doing};
use pidward_tests::table::{Cell, markdown, replace};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("cells: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Checked<bool> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = workspace.join("README.md");
    let text = fs::read_to_string(&readme).doing(readme.display())?;
    // Before minutes go by: is there a place for the table?
    replace(&text, "")?;

    let cells = env::temp_dir().join(format!("pidward-cells-{}", std::process::id()));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut matrix = Command::new(cargo);
    matrix.args([
        "test",
        "--package",
        "pidward-tests",
        "--test",
        "daemons",
        "--",
    ]);
    matrix
        .args(env::args_os().skip(1))
        .current_dir(&workspace)
        .env("PIDWARD_CELLS_OUT", &cells);
    let status = matrix.status().doing("run the matrix")?;

    let written = fs::read_to_string(&cells).doing("read what the matrix wrote")?;
    fs::remove_file(&cells).doing("remove what the matrix wrote")?;
    let cells: Vec<Cell> = serde_json::from_str(&written).doing("read the cells")?;
    fs::write(&readme, replace(&text, &markdown(&cells))?).doing(readme.display())?;
    Ok(status.success())
}
