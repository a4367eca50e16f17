//! What was measured, as tables for a terminal and for docs/benchmarks.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pidward_tests::failure::{Checked, Doing};

use crate::plot::Plot;

/// What belongs together.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// How it was measured.
    pub(crate) how: &'static str,
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) plot: Option<Plot>,
}

impl Section {
    pub(crate) fn new(title: &'static str, how: &'static str, header: &[&'static str]) -> Self {
        Self {
            title,
            how,
            header: header.to_vec(),
            rows: Vec::new(),
            plot: None,
        }
    }

    /// Adds a row: its name, and a value in each column.
    pub(crate) fn row(
        &mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = String>,
    ) {
        let mut row = vec![name.into()];
        row.extend(values);
        self.rows.push(row);
    }

    /// As Markdown, which is fit for a terminal as well.
    pub(crate) fn text(&self) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|it| it.chars().count()).collect();
        for row in &self.rows {
            for (width, value) in widths.iter_mut().zip(row) {
                *width = (*width).max(value.chars().count());
            }
        }
        let line = |cells: Vec<&str>| {
            let cells = cells.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.how);
        text.push_str(&line(self.header.clone()));
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        text.push_str(&format!("|{}|\n", rule.join("|")));
        for row in &self.rows {
            text.push_str(&line(row.iter().map(String::as_str).collect()));
        }
        text
    }
}

/// A count, with spaces between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// How many times as much as another one: `0.35`.
pub(crate) fn ratio(one: f64, other: f64) -> String {
    format!("{:.2}", one / other)
}

/// All of it, and the machine.
pub(crate) struct Report {
    pub(crate) sections: Vec<Section>,
    machine: String,
}

impl Report {
    pub(crate) fn new() -> Checked<Self> {
        let said = |program: &str, words: &[&str]| -> Checked<String> {
            let output = Command::new(program).args(words).output().doing(program)?;
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let cpus = fs::read_to_string("/proc/cpuinfo").doing("ask for the processor")?;
        let model = cpus.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == "model name").then(|| value.trim().to_owned())
        });
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let libc = said("getconf", &["GNU_LIBC_VERSION"])?;
        // What is behind the numbers is the builder's own.
        let kernel = said("uname", &["-r"])?;
        let kernel = kernel.split('-').next().unwrap_or_default();
        let day = said("date", &["+%Y-%m-%d"])?;
        let model = model.unwrap_or_else(|| "an unnamed processor".to_owned());
        Ok(Self {
            sections: Vec::new(),
            machine: format!("{day}, {processors} processors ({model}), Linux {kernel}, {libc}"),
        })
    }

    /// Writes docs/benchmarks.md, and the plots beside it.
    pub(crate) fn write(&self) -> Checked {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let plots = docs.join("benchmarks");
        fs::create_dir_all(&plots).doing("make docs/benchmarks")?;
        let mut text = format!(
            "# Benchmarks\n\n`make bench` has measured all this and written this page: {}.\n\n\
             *Limit* is the smallest C program that does the job and checks nothing. Ratios are to pidward: above 1, the \
             other takes more.\n",
            self.machine
        );
        for section in &self.sections {
            text.push('\n');
            text.push_str(&section.text());
            if let Some(plot) = &section.plot {
                let file: PathBuf = Path::new(plot.name).with_extension("svg");
                fs::write(plots.join(&file), plot.svg()).doing("write a plot")?;
                text.push_str(&format!(
                    "\n![{}](benchmarks/{})\n",
                    plot.title,
                    file.display()
                ));
            }
        }
        fs::write(docs.join("benchmarks.md"), text).doing("write docs/benchmarks.md")
    }
}
