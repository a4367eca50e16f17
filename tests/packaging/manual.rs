//! Man pages and completions.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;

use super::{Test, output, said, same, source};

pub(super) const TESTS: &[Test] = &[
    ("man_finds_no_fault_with_the_pages", lint),
    (
        "each_command_has_a_page_with_all_that_its_help_has",
        complete,
    ),
    ("each_key_of_a_record_is_in_its_page_in_order", record),
    ("the_completions_are_sound", completions),
    ("bash_completes_commands_and_options", bash),
];

/// Where "make" has put what it writes.
fn written() -> Checked<PathBuf> {
    let written = release::directory()?.join("manual");
    match written.is_dir() {
        true => Ok(written),
        false => Err(Failure::new("not built", "\"make\" writes the man pages")),
    }
}

fn pages() -> Checked<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for directory in [written()?.join("man1"), source().join("packaging/man")] {
        let entries = fs::read_dir(&directory).doing(directory.display())?;
        pages.extend(entries.flatten().map(|entry| entry.path()));
    }
    match pages.len() > 10 {
        true => Ok(pages),
        false => Err(Failure::new("pages are missing", format!("{pages:#?}"))),
    }
}

fn lint() -> Checked {
    for page in pages()? {
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page);
        man.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8");
        let complaints = output(&mut man)?.stderr;
        let complaints = String::from_utf8_lossy(&complaints).into_owned();
        same(&format!("{}", page.display()), &complaints, &String::new())?;
        let mut mandoc = Command::new("mandoc");
        mandoc.args(["-T", "lint", "-W", "warning"]).arg(&page);
        // Without a day, so that the same source makes the same page.
        let meant = "WARNING: missing date, using \"\": TH";
        let complaints = output(&mut mandoc)?.stdout;
        let complaints = String::from_utf8_lossy(&complaints).into_owned();
        let complaints = complaints.lines();
        let others: Vec<&str> = complaints.filter(|line| !line.ends_with(meant)).collect();
        same("mandoc", &others, &Vec::new())?;
    }
    Ok(())
}

fn help(words: &[&str]) -> Checked<String> {
    let pidward = release::directory()?.join("pidward");
    said(Command::new(pidward).args(words).arg("--help"))
}

/// The commands, as `--help` lists them.
fn commands() -> Checked<Vec<String>> {
    let help = help(&[])?;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    match names.len() > 5 {
        true => Ok(names),
        false => Err(Failure::new("no commands", help)),
    }
}

fn complete() -> Checked {
    let whole = fs::read_to_string(written()?.join("man1/pidward.1")).doing("pidward.1")?;
    for command in commands()? {
        let page = written()?.join(format!("man1/pidward-{command}.1"));
        let text = fs::read_to_string(&page)
            .doing(page.display())?
            .replace('\\', "");
        if !whole
            .replace('\\', "")
            .contains(&format!("pidward-{command}"))
        {
            return Err(Failure::new("pidward(1) does not name it", command));
        }
        let help = help(&[&command])?;
        let options = options(&help);
        if options.len() < 2 {
            return Err(Failure::new("no options", help));
        }
        for option in options {
            // In bold, as where it is explained; the backslashes are gone.
            let bold = format!("fB{option}fR");
            if !text.contains(&bold) {
                return Err(Failure::new(
                    format!("{} lacks {option}", page.display()),
                    text,
                ));
            }
        }
        for section in ["EXAMPLES", "EXIT STATUS", "SEE ALSO"] {
            if !text.contains(section) {
                return Err(Failure::new(format!("no {section}"), page.display()));
            }
        }
    }
    Ok(())
}

/// The options as `--help` lists them, long and short.
fn options(help: &str) -> Vec<String> {
    let listed = help.lines().map(str::trim_start);
    let listed = listed.filter(|line| line.starts_with('-') && !line.starts_with("- "));
    let words = listed.flat_map(|line| line.split([',', ' ']).take(3));
    let words = words.filter(|word| word.starts_with('-') && word.len() > 1);
    words.map(str::to_owned).collect()
}

fn record() -> Checked {
    let page = fs::read_to_string(source().join("packaging/man/pidward-record.5"));
    let page = page.doing("read the page")?;
    let described = page.lines().filter_map(|line| line.strip_prefix(".BI "));
    let described: Vec<&str> = described
        .filter_map(|line| line.split(' ').next())
        .collect();
    let code = fs::read_to_string(source().join("identity/src/record.rs"));
    let code = code.doing("read the code")?;
    let keys = code
        .split_once("const KEYS")
        .and_then(|(_, rest)| rest.split_once("\n];"));
    let (keys, _) = keys.ok_or("none").doing("find the keys")?;
    let keys: Vec<&str> = keys
        .split("b\"")
        .skip(1)
        .filter_map(|it| it.split('"').next())
        .collect();
    same("the keys of a record", &described, &keys)
}

fn completions() -> Checked {
    let file = |name: &str| Ok(written()?.join("completions").join(name));
    for (shell, name) in [
        ("bash", "pidward.bash"),
        ("zsh", "_pidward"),
        ("fish", "pidward.fish"),
    ] {
        said(Command::new(shell).arg("-n").arg(file(name)?))?;
    }
    Ok(())
}

fn bash() -> Checked {
    let file = written()?.join("completions/pidward.bash");
    let complete = |words: &str| -> Checked<Vec<String>> {
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _pidward pidward \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        let said = said(Command::new("bash").args(["-c", &script]))?;
        Ok(said.lines().map(str::to_owned).collect())
    };
    same(
        "commands",
        &complete("pidward st")?,
        &["status", "stop"].map(str::to_owned).to_vec(),
    )?;
    same(
        "options",
        &complete("pidward sweep --dr")?,
        &vec!["--dry-run".to_owned()],
    )
}
