//! `pidward-manual DIRECTORY`: writes the man pages of pidward's commands and its completions for bash, zsh and fish, from the
//! definition that the command line is parsed with. Not shipped: it is run when pidward is built.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use clap::CommandFactory;
use clap_complete::Shell;

#[path = "../../wrapper/src/cli.rs"]
#[allow(dead_code, reason = "here it is only described")]
mod cli;
mod page;
#[path = "../../wrapper/src/schedule.rs"]
#[allow(dead_code, reason = "here it is only described")]
mod schedule;

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1) else {
        eprintln!("usage: pidward-manual DIRECTORY");
        return ExitCode::from(2);
    };
    match write(directory.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "pidward-manual: {}: {error}",
                Path::new(&directory).display()
            );
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path) -> io::Result<()> {
    let pages = directory.join("man1");
    let completions = directory.join("completions");
    for directory in [&pages, &completions] {
        fs::create_dir_all(directory)?;
    }
    let mut definition = cli::Cli::command();
    definition.build();
    fs::write(pages.join("pidward.1"), page::of(&definition, &definition))?;
    for command in definition.get_subcommands() {
        let name = format!("pidward-{}.1", command.get_name());
        fs::write(pages.join(name), page::of(command, &definition))?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut definition, "pidward", &completions)?;
    }
    Ok(())
}
