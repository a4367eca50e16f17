//! An init script as far as it can be read without running it: which files it sources, and whether what they export reaches
//! the daemon.
//!
//! It is read line by line, as if each line were executed once. What only a shell could tell, a command's output or a
//! branch, is not known, and a path that needs it is none.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::regular;

/// Libraries of functions, which source nothing of a service's.
const LIBRARIES: [&str; 3] = ["/lib/lsb/", "/lib/init/", "/lib/rc/"];

/// How far sourced files are followed.
const DEPTH: u8 = 3;

/// A script that was read.
#[derive(Default, Debug)]
pub(crate) struct Script {
    /// Files that it sources for itself, not in a subshell, in their order.
    pub(crate) sources: Vec<PathBuf>,
    /// The first line that keeps LD_PRELOAD from a command, and its number.
    pub(crate) clears: Option<(usize, String)>,
    /// Whether it starts something with start-stop-daemon that it knows by its executable.
    pub(crate) goes_by_executable: bool,
    /// Its first line.
    pub(crate) interpreter: String,
    /// Whether it is one of Debian's that are made of init-d-script(5).
    pub(crate) is_init_d_script: bool,
    /// What it says its pidfile is, `# pidfile: PATH` in its head, or first sets PIDFILE to, of what is known without a shell.
    pub(crate) pidfile: Option<String>,
    /// None for a value that only a shell could tell.
    variables: BTreeMap<String, Option<String>>,
}

impl Script {
    /// Reads the script, and what it sources.
    ///
    /// # Errors
    /// When the script itself cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = String::from_utf8_lossy(&regular::read(path)?).into_owned();
        let mut script = Self {
            interpreter: text.lines().next().unwrap_or_default().to_owned(),
            is_init_d_script: text.contains("/lib/init/init-d-script"),
            pidfile: text.lines().find_map(head),
            ..Self::default()
        };
        let path = path.display().to_string();
        script.variables.insert("0".into(), Some(path));
        script.follow(&text, DEPTH);
        Ok(script)
    }

    /// Whether the script sets it.
    pub(crate) fn sets(&self, variable: &str) -> bool {
        self.variables.contains_key(variable)
    }

    fn follow(&mut self, text: &str, depth: u8) {
        let own = ["$(basename $0)", "$(basename \"$0\")", "`basename $0`"];
        let text = own
            .iter()
            .fold(text.to_owned(), |text, own| text.replace(own, "${0##*/}"));
        for (number, line) in lines(&text) {
            self.look(number, &line, depth);
        }
    }

    fn look(&mut self, number: usize, line: &str, depth: u8) {
        if clears_environment(line) && self.clears.is_none() && depth == DEPTH {
            self.clears = Some((number, line.trim().to_owned()));
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let has = |long: &str, short: &str| {
            let is = |word: &&str| *word == short || word.starts_with(long);
            words.iter().any(is)
        };
        if line.contains("start-stop-daemon") && has("--start", "-S") && has("--exec", "-x") {
            self.goes_by_executable = true;
        }
        for command in commands(line) {
            if let Some((name, value)) = assignment(command) {
                if name == "PIDFILE" && self.pidfile.is_none() {
                    self.pidfile = self.expand(value, None).and_then(|it| plain(&it));
                }
                let value = self.expanded(value);
                self.variables.insert(name.to_owned(), value);
            } else if let Some(file) = sourced(command) {
                self.source(file, depth);
            }
        }
    }

    fn source(&mut self, file: &str, depth: u8) {
        let path = self.expanded(file).map(PathBuf::from);
        let Some(path) = path.filter(|path| path.is_absolute()) else {
            return;
        };
        let is_library = LIBRARIES.iter().any(|library| path.starts_with(library));
        if is_library || self.sources.contains(&path) {
            return;
        }
        self.sources.push(path.clone());
        if let Some(depth) = depth.checked_sub(1)
            && let Ok(text) = regular::read(&path)
        {
            self.follow(&String::from_utf8_lossy(&text), depth);
        }
    }

    /// A word with its variables replaced and without its quotes; none when it takes a shell to know it. A variable that is not
    /// set is empty.
    fn expanded(&self, word: &str) -> Option<String> {
        self.expand(word, Some(""))
    }

    /// The same, with a variable that is not set being this, or unknown: whoever runs the script may set it.
    fn expand(&self, word: &str, unset: Option<&str>) -> Option<String> {
        let mut all = String::new();
        let mut rest = word;
        while let Some(at) = rest.find(['$', '`', '"', '\'', '\\']) {
            let (before, special) = rest.split_at(at);
            all.push_str(before);
            rest = if let Some(inner) = special.strip_prefix("${") {
                let end = closing(inner)?;
                let (parameter, after) = inner.split_at(end);
                all.push_str(&self.parameter(parameter, unset)?);
                after.get(1..)?
            } else if let Some(name) = special.strip_prefix('$') {
                let end = name
                    .find(|it: char| !it.is_ascii_alphanumeric() && it != '_')
                    .unwrap_or(name.len());
                if end == 0 {
                    return None;
                }
                let (name, after) = name.split_at(end);
                all.push_str(self.value(name, unset)?);
                after
            } else if special.starts_with(['"', '\'']) {
                special.get(1..)?
            } else {
                return None;
            };
        }
        all.push_str(rest);
        Some(all)
    }

    /// What a variable was last set to.
    fn value<'a>(&'a self, name: &str, unset: Option<&'a str>) -> Option<&'a str> {
        self.variables.get(name).map_or(unset, Option::as_deref)
    }

    /// What stands between `${` and `}`.
    fn parameter(&self, parameter: &str, unset: Option<&str>) -> Option<String> {
        let end = parameter
            .find(|it: char| !it.is_ascii_alphanumeric() && it != '_')
            .unwrap_or(parameter.len());
        let (name, operator) = parameter.split_at(end);
        if operator.is_empty() {
            return self.value(name, unset).map(str::to_owned);
        }
        let value = self.value(name, Some(""))?;
        if operator == "##*/" {
            return value.rsplit('/').next().map(str::to_owned);
        }
        let operator = operator.strip_prefix(':').unwrap_or(operator);
        let (operator, word) = operator.split_at_checked(1)?;
        match (operator, value) {
            ("-" | "=", "") => self.expand(word, unset),
            ("-" | "=", value) => Some(value.to_owned()),
            ("+", "") => Some(String::new()),
            ("+", _) => self.expand(word, unset),
            _ => None,
        }
    }
}

/// The pidfile that the head of a script names to insserv(8) and others.
fn head(line: &str) -> Option<String> {
    plain(line.trim().strip_prefix("# pidfile:")?)
}

/// An absolute path that means the same wherever it is written.
fn plain(value: &str) -> Option<String> {
    let value = value.trim().trim_matches(['"', '\'']);
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-@".contains(it);
    (value.starts_with('/') && value.chars().all(is_plain)).then(|| value.to_owned())
}

/// Where the brace that opened before this text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_u32;
    for (at, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

/// The lines with their numbers, those that go on with `\` joined, without comments.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    let mut begun: Option<(usize, String)> = None;
    for (line, number) in text.lines().zip(1..) {
        let (first, mut whole) = begun.take().unwrap_or((number, String::new()));
        if let Some(line) = line.strip_suffix('\\') {
            whole.push_str(line);
            begun = Some((first, whole));
        } else {
            whole.push_str(line);
            let code = uncommented(&whole);
            if !code.trim().is_empty() {
                all.push((first, code.to_owned()));
            }
        }
    }
    all
}

/// A `#` begins a comment where a word could begin.
fn uncommented(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '#') if before.is_whitespace() || before == ';' => {
                return line.get(..at).unwrap_or_default();
            }
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), it) if it == open => quote = None,
            _ => {}
        }
        before = character;
    }
    line
}

/// What may be commands of the line: behind separators and words that commands follow. In quotes there are none, nor in
/// a subshell, whose variables are its own.
fn commands(line: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for part in split_unquoted(line) {
        let mut part = part.trim();
        let words = ["if", "then", "else", "elif", "do", "while", "{", "!"];
        let following = |part: &str| {
            words.iter().find_map(|word| {
                let rest = part.strip_prefix(word)?;
                rest.starts_with(char::is_whitespace).then_some(rest.len())
            })
        };
        while let Some(length) = following(part) {
            part = part
                .get(part.len() - length..)
                .unwrap_or_default()
                .trim_start();
        }
        // A pattern of case: `start) . /etc/default/x`.
        if let Some((pattern, rest)) = part.split_once(") ")
            && !pattern.contains('(')
        {
            part = rest.trim_start();
        }
        all.push(part);
    }
    all
}

/// At `;`, `&` and `|` outside quotes.
fn split_unquoted(line: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut quote = None;
    let mut begin = 0;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, ';' | '&' | '|') => {
                all.push(line.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), it) if it == open => quote = None,
            _ => {}
        }
    }
    all.push(line.get(begin..).unwrap_or_default());
    all
}

/// The name and the raw value of `NAME=value`, with or without `export` before it.
fn assignment(command: &str) -> Option<(&str, &str)> {
    let words = ["export ", "readonly ", "local "];
    let command = words
        .iter()
        .find_map(|word| command.strip_prefix(word))
        .unwrap_or(command)
        .trim_start();
    let (name, rest) = command.split_once('=')?;
    let starts = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if !starts || !name.chars().all(is_name) {
        return None;
    }
    let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''));
    let value = match quote {
        Some(quote) => rest.get(1..)?.split(quote).next()?,
        None => rest.split_whitespace().next().unwrap_or_default(),
    };
    Some((name, value))
}

/// The word behind `.` or `source`.
fn sourced(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    let is_source = matches!(words.next()?, "." | "source");
    is_source.then(|| words.next())?
}

/// What the library is named in.
const PRELOAD: &str = "LD_PRELOAD";

/// A new environment, or one without LD_PRELOAD or with another: what was exported there is not the daemon's.
fn clears_environment(line: &str) -> bool {
    // In quotes too: a shell is given commands, and variables hold parts of one.
    line.split([';', '&', '|']).any(|part| {
        let words: Vec<&str> = part
            .split(|it: char| it.is_whitespace() || matches!(it, '"' | '\'' | '(' | ')' | '`'))
            .filter(|word| !word.is_empty())
            .collect();
        let sets = words.iter().any(|word| word.starts_with("LD_PRELOAD="));
        let keeps = part.contains("$LD_PRELOAD") || part.contains("${LD_PRELOAD");
        let mut behind = (1..).map_while(|at| words.get(at - 1..)?.split_first());
        (sets && !keeps) || behind.any(|(command, rest)| is_lost_by(command, rest))
    })
}

/// Whether this command with these arguments does not hand LD_PRELOAD on.
fn is_lost_by(command: &str, arguments: &[&str]) -> bool {
    let has = |word: &str| arguments.contains(&word);
    let options = || arguments.iter().take_while(|word| word.starts_with('-'));
    // Letters of one word, up to those that take the rest of it.
    let has_letter = |letter: char, takes_rest: &[char]| {
        let short = options().filter_map(|word| word.strip_prefix('-'));
        let mut short = short.filter(|letters| !letters.starts_with('-'));
        short.any(|letters| {
            letters
                .split(takes_rest)
                .next()
                .is_some_and(|it| it.contains(letter))
        })
    };
    match command.rsplit('/').next().unwrap_or_default() {
        "env" => {
            let of_two = |two: &[&str]| matches!(two, ["-u" | "--unset", PRELOAD]);
            let first = arguments.first().is_some_and(|word| *word == "-");
            let long = |word: &&&str| {
                matches!(
                    **word,
                    "--ignore-environment" | "--unset=LD_PRELOAD" | "-uLD_PRELOAD"
                )
            };
            first
                || has_letter('i', &['u', 'S', 'C'])
                || options().any(|word| long(&word))
                || arguments.windows(2).any(of_two)
        }
        "su" | "runuser" => {
            let mut before_command = arguments.iter().take_while(|word| !word.starts_with("-c"));
            has("-") || before_command.any(|word| matches!(*word, "-l" | "--login"))
        }
        "sudo" | "doas" => !arguments.is_empty(),
        "exec" => has_letter('c', &['a']),
        "unset" => has(PRELOAD),
        "export" | "declare" | "typeset" => (has("-n") || has("+x")) && has(PRELOAD),
        "setpriv" => has("--reset-env"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        let mut script = Script::default();
        script
            .variables
            .insert("0".into(), Some("/etc/init.d/thing".into()));
        script.follow(text, DEPTH);
        script
    }

    #[test]
    fn a_sourced_file_is_found_as_scripts_name_it() {
        for text in [
            ". /etc/default/thing",
            "\t. /etc/default/thing",
            "[ -r /etc/default/thing ] && . /etc/default/thing",
            "[ ! -r /etc/default/thing ] || . /etc/default/thing;",
            "if [ -r /x ]; then . /etc/default/thing; fi",
            "NAME=thing\n[ -r /etc/default/$NAME ] && . /etc/default/$NAME",
            "BASENAME='thing' # its name\n. \"/etc/default/${BASENAME}\"",
            "INSTANCE=\"${2}\"\nN=thing\n. /etc/default/${N}${INSTANCE:+.${INSTANCE}}",
            "test -f /x && \\\n  source /etc/default/${0##*/}",
            "NAME=$(basename $0)\n. /etc/default/$NAME",
            ". ${CONF:-/etc/default/thing}",
            "start) . /etc/default/thing ;;",
        ] {
            let sources = script(text).sources;
            assert_eq!(sources, [Path::new("/etc/default/thing")], "{text}");
        }
    }

    #[test]
    fn a_pidfile_is_known_by_what_the_script_itself_sets() {
        for text in [
            "PIDFILE=/run/thing.pid",
            "NAME=thing\nPIDFILE=/run/$NAME.pid",
            "NAME=\"thing\"\nPIDFILE=\"/run/${NAME}.pid\"",
            "export PIDFILE=${PIDFILE:-/run/thing.pid}",
            "PIDFILE=/run/${0##*/}.pid",
            "PIDFILE=/run/$NAME.pid\nPIDFILE=/run/thing.pid",
            "NAME=thing\nDIR=/run\nPIDFILE=$DIR/$NAME.pid # its own\nPIDFILE=/run/other.pid",
        ] {
            let pidfile = script(text).pidfile;
            assert_eq!(pidfile.as_deref(), Some("/run/thing.pid"), "{text}");
        }
        for text in [
            "PIDFILE=/run/$NAME.pid",
            "NAME=$(hostname)\nPIDFILE=/run/$NAME.pid",
            "NAME=$1\n# PIDFILE=/run/x.pid\nMYPIDFILE=/run/x.pid",
            "PIDFILE=/run/${1}.pid",
        ] {
            assert_eq!(script(text).pidfile, None, "{text}");
        }
    }

    #[test]
    fn what_is_not_sourced_here_is_no_source() {
        for text in [
            "# . /etc/default/thing",
            "echo '; . /etc/default/thing'",
            "P=$(. /etc/default/thing && echo $P)",
            ". /lib/lsb/init-functions",
            ". ./thing",
            "F=$(find /etc)\n. $F",
            "F=$(find /etc)\n. /etc/default/$F",
            "cat . /etc/default/thing",
        ] {
            assert!(script(text).sources.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_clears_the_environment_is_told_by_its_line() {
        for text in [
            "\nENV=\"env -i LANG=C PATH=/bin\"\n",
            "\n/usr/bin/env - x",
            "\nsu - postgres -c x",
            "\nsudo -u x y",
            "\nX=`env -i x`",
            "\nenv -u LD_PRELOAD x",
            "\nenv -iu A x",
            "\nenv --unset=LD_PRELOAD A=b x",
            "\nx; unset A LD_PRELOAD; y",
            "\nsh -c 'unset LD_PRELOAD && x'",
            "\nexport -n LD_PRELOAD",
            "\nexport LD_PRELOAD=/lib/other.so",
            "\nLD_PRELOAD= x",
            "\nsu -s /bin/sh -l postgres",
            "\nsu -c \"x -a\" - postgres",
            "\nrunuser --login -u x y",
            "\nexec -c /bin/x",
            "\ndoas -u x y",
            "\nsetpriv --reuid x --reset-env y",
        ] {
            let line = text.trim().to_owned();
            assert_eq!(script(text).clears, Some((2, line)), "{text}");
        }
        for text in [
            "X=`env LC_ALL=C sed -i x`",
            "# env -i",
            "su x -c 'y -l'",
            "env -C /i A=i x -i",
            "unset A",
            "exec x -c",
            "exec -a c x",
            "command -v sudo && x",
            "export LD_PRELOAD=\"/lib/other.so:$LD_PRELOAD\"",
            "[ -n \"$LD_PRELOAD\" ]",
            "setpriv --reuid x y",
            "umask 022; cd -",
        ] {
            assert_eq!(script(text).clears, None, "{text}");
        }
    }

    #[test]
    fn a_daemon_that_is_known_by_its_executable_is_told_from_others() {
        let known =
            |line: &str| script(&format!("start-stop-daemon --quiet {line}")).goes_by_executable;
        assert!(known("--start --exec \\\n $DAEMON") && known("-S -x $DAEMON"));
        assert!(!known("--stop --exec $DAEMON") && !known("--start --startas x"));
    }
}
