//! A man page, man(7), of one command.
//!
//! What is written after the options in `--help` are sections of their own here: `Examples:`, `Environment:` and `Exit status:`.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

/// Sections that `--help` has under these words.
const SECTIONS: [(&str, &str); 3] = [
    ("Examples:", "EXAMPLES"),
    ("Environment:", "ENVIRONMENT"),
    ("Exit status:", "EXIT STATUS"),
];

/// The page of a command, which may be the whole.
pub(crate) fn of(command: &Command, whole: &Command) -> Vec<u8> {
    let is_whole = command.get_name() == whole.get_name();
    let name = if is_whole {
        "pidward".to_owned()
    } else {
        format!("pidward-{}", command.get_name())
    };
    let version = whole.get_version().unwrap_or_default();
    let after = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone());
    // Without a day, so that the same source makes the same page.
    let title = format!(".TH {name} 1 \"\" \"pidward {version}\" pidward\n");
    let mut page = title.into_bytes();
    let mut render = |part: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| {
        // Writing to memory does not fail.
        let _ = part(&mut page);
    };
    render(&|out| man.render_name_section(out));
    render(&|out| man.render_synopsis_section(out));
    render(&|out| man.render_description_section(out));
    if command.get_arguments().next().is_some() {
        render(&|out| man.render_options_section(out));
    }
    if is_whole {
        render(&|out| commands(whole).to_writer(out));
    }
    for (title, lines) in sections(&after.unwrap_or_default()) {
        render(&|out| section(title, &lines).to_writer(out));
    }
    render(&|out| see_also(&name, whole).to_writer(out));
    without_breaks(&page)
}

/// clap_mangen breaks the line where an empty one has done so, before possible values; mandoc(1) finds fault with that.
fn without_breaks(page: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = page.split(|&byte| byte == b'\n').collect();
    let is_empty = |at: Option<usize>| {
        at.and_then(|at| lines.get(at))
            .is_some_and(|it| it.is_empty())
    };
    let kept = lines.iter().enumerate().filter(|(at, line)| {
        **line != b".br" || !(is_empty(at.checked_sub(1)) || is_empty(at.checked_add(1)))
    });
    let kept: Vec<&[u8]> = kept.map(|(_, line)| *line).collect();
    kept.join(&b'\n')
}

/// What `--help` says after the options, by section.
fn sections(text: &str) -> Vec<(&'static str, Vec<String>)> {
    let mut found: Vec<(&str, Vec<String>)> = Vec::new();
    for line in text.lines() {
        let begun = SECTIONS
            .iter()
            .find_map(|(word, title)| Some((*title, line.strip_prefix(word)?)));
        match (begun, found.last_mut()) {
            (Some((title, rest)), _) => {
                found.push((title, Vec::from([sentence(rest.trim())])));
            }
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    found
}

/// What began after a colon begins with a capital letter.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// Lines that begin with spaces stay as they are.
fn section(title: &str, lines: &[String]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    let mut is_verbatim = false;
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let verbatim = line.starts_with(' ');
        match (verbatim, is_verbatim) {
            (true, false) => roff.control("nf", []),
            (false, true) => roff.control("fi", []),
            _ => &mut roff,
        };
        is_verbatim = verbatim;
        roff.text([roman(line.trim_start())]);
    }
    if is_verbatim {
        roff.control("fi", []);
    }
    roff
}

fn commands(whole: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for command in whole.get_subcommands().filter(|it| !it.is_hide_set()) {
        roff.control("TP", []);
        let about = command.get_about().map(ToString::to_string);
        roff.text([
            bold(format!("pidward-{}", command.get_name())),
            roman("(1)"),
        ]);
        roff.text([roman(about.unwrap_or_default())]);
    }
    roff
}

fn see_also(name: &str, whole: &Command) -> Roff {
    let of_commands = whole
        .get_subcommands()
        .map(|command| (format!("pidward-{}", command.get_name()), "1"));
    let all = [("pidward".to_owned(), "1")]
        .into_iter()
        .chain(of_commands)
        .chain([
            ("pidward-guard".to_owned(), "8"),
            ("pidward-record".to_owned(), "5"),
            ("libpidward".to_owned(), "7"),
        ]);
    let mut words: Vec<Inline> = Vec::new();
    for (other, section) in all.filter(|(other, _)| other != name) {
        if !words.is_empty() {
            words.push(roman(", "));
        }
        words.extend([bold(other), roman(format!("({section})"))]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text(words);
    roff
}
