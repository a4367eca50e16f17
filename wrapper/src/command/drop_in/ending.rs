//! Whether lines at the end of a shell's text would be executed when it is sourced. It is read and not run, as far as that
//! tells: words, quotes, here-documents and what is nested; what a command does, only a shell could tell.

use std::iter::Peekable;
use std::str::Chars;

/// What is the matter with the end, and in which line it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// The last line goes on: behind a backslash, `&&`, `||` or `|`.
    GoesOn(usize),
    /// A quote is open there.
    Quote(usize),
    /// A here-document with this last line has none.
    HereDocument(usize, String),
    /// `exit`, `return`, or an `exec` of something else.
    Leaves(usize, String),
}

/// What there is to say of the end.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Ending {
    /// Nothing behind it is executed, or not as it is written.
    pub(crate) obstacle: Option<Obstacle>,
    /// Whether what is behind this is executed depends.
    pub(crate) may_leave: Option<(usize, String)>,
}

impl Ending {
    /// Of this text.
    pub(crate) fn of(text: &str) -> Self {
        let mut reader = Reader::new(text);
        let obstacle = reader.read().err();
        Self {
            obstacle,
            may_leave: reader.may_leave,
        }
    }
}

/// What is open around a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `if`, a loop: what is in it may not be executed.
    Compound,
    /// `case`: it has patterns besides.
    Case,
    /// `{`.
    Group,
    /// The same, of a command that depends on another.
    Dependent,
    /// That of a function.
    Function,
    /// `(`.
    Subshell,
}

struct Reader<'t> {
    text: &'t str,
    rest: Peekable<Chars<'t>>,
    line: usize,
    open: Vec<Open>,
    /// Here-documents that begin behind this line, their last lines, and whether tabs before those do not count.
    documents: Vec<(usize, String, bool)>,
    /// A command may begin here.
    begins: bool,
    /// It is executed only if the one before it says so.
    depends: bool,
    /// The operator before it wants one.
    wanted: Option<usize>,
    /// `name()` was just read.
    is_function: bool,
    may_leave: Option<(usize, String)>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            rest: text.chars().peekable(),
            line: 1,
            open: Vec::new(),
            documents: Vec::new(),
            begins: true,
            depends: false,
            wanted: None,
            is_function: false,
            may_leave: None,
        }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn next_if(&mut self, wanted: char) -> bool {
        self.rest.peek() == Some(&wanted) && self.next().is_some()
    }

    fn read(&mut self) -> Result<(), Obstacle> {
        while let Some(&next) = self.rest.peek() {
            match next {
                ' ' | '\t' => {
                    self.next();
                }
                '#' => {
                    while self.rest.peek().is_some_and(|&it| it != '\n') {
                        self.next();
                    }
                }
                '\n' => self.end_of_line()?,
                ';' | '&' | '|' | '(' | ')' => self.operator(next),
                _ => self.word()?,
            }
        }
        if let Some((line, last, _)) = self.documents.pop() {
            return Err(Obstacle::HereDocument(line, last));
        }
        self.wanted
            .map_or(Ok(()), |line| Err(Obstacle::GoesOn(line)))
    }

    fn end_of_line(&mut self) -> Result<(), Obstacle> {
        self.next();
        for (line, last, tabs) in std::mem::take(&mut self.documents) {
            loop {
                let mut text = String::new();
                while let Some(next) = self.next().filter(|&it| it != '\n') {
                    text.push(next);
                }
                let text = if tabs {
                    text.trim_start_matches('\t')
                } else {
                    &text
                };
                if text == last {
                    break;
                }
                if self.rest.peek().is_none() {
                    return Err(Obstacle::HereDocument(line, last));
                }
            }
        }
        self.begins = true;
        self.depends &= self.wanted.is_some();
        Ok(())
    }

    fn operator(&mut self, operator: char) {
        let line = self.line;
        self.next();
        (self.begins, self.wanted) = (true, None);
        match operator {
            '|' | '&' if self.next_if(operator) => (self.depends, self.wanted) = (true, Some(line)),
            '|' => (self.depends, self.wanted) = (true, Some(line)),
            '(' if self.next_if(')') => self.is_function = true,
            '(' => self.open.push(Open::Subshell),
            // Behind a pattern.
            ')' if self.open.last() == Some(&Open::Case) => self.depends = false,
            ')' => self.close(Open::Subshell),
            _ => self.depends = false,
        }
    }

    /// A word, and what it means where a command begins.
    fn word(&mut self) -> Result<(), Obstacle> {
        let line = self.line;
        let mut word = String::new();
        while let Some(&next) = self.rest.peek() {
            match next {
                ' ' | '\t' | '\n' | ';' | '|' | '(' | ')' => break,
                // `2>&1` is one word.
                '&' if !word.ends_with(['<', '>']) => break,
                '<' if word.ends_with('<') => {
                    self.next();
                    self.document()?;
                    word.clear();
                }
                _ => self.piece(&mut word)?,
            }
        }
        // A backslash at the end of a line, and nothing else.
        if word.is_empty() {
            return Ok(());
        }
        self.wanted = None;
        if self.begins || (self.is_function && word == "{") {
            return self.command(line, &word);
        }
        Ok(())
    }

    /// The next character, or what is quoted or substituted by it.
    fn piece(&mut self, word: &mut String) -> Result<(), Obstacle> {
        let line = self.line;
        let next = self.next().unwrap_or_default();
        match next {
            '\\' if self.next_if('\n') => {
                return match self.rest.peek() {
                    Some(_) => Ok(()),
                    None => Err(Obstacle::GoesOn(line)),
                };
            }
            '\\' => {
                word.push(next);
                word.push(self.next().ok_or(Obstacle::GoesOn(line))?);
                return Ok(());
            }
            '\'' | '"' | '`' => self.quoted(next, line)?,
            '$' if self.next_if('(') => self.nested('(', ')', line)?,
            '$' if self.next_if('{') => self.nested('{', '}', line)?,
            _ => {}
        }
        word.push(next);
        Ok(())
    }

    /// What is behind an opening quote, and the closing one.
    fn quoted(&mut self, quote: char, line: usize) -> Result<(), Obstacle> {
        loop {
            match self.next().ok_or(Obstacle::Quote(line))? {
                next if next == quote => return Ok(()),
                '\\' if quote != '\'' => {
                    self.next();
                }
                '$' if quote == '"' && self.next_if('(') => self.nested('(', ')', line)?,
                _ => {}
            }
        }
    }

    /// What is behind an opening parenthesis or brace, and the closing one.
    fn nested(&mut self, open: char, close: char, line: usize) -> Result<(), Obstacle> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next().ok_or(Obstacle::Quote(line))? {
                next if next == open => depth += 1,
                next if next == close => depth -= 1,
                '\\' => {
                    self.next();
                }
                quote @ ('\'' | '"' | '`') => self.quoted(quote, line)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Behind `<<`: the word that will be the last line of the document.
    fn document(&mut self) -> Result<(), Obstacle> {
        // A word itself, for those shells that know it.
        if self.next_if('<') {
            return Ok(());
        }
        let tabs = self.next_if('-');
        while self.next_if(' ') || self.next_if('\t') {}
        let line = self.line;
        let mut last = String::new();
        let mut quote = None;
        while let Some(&next) = self.rest.peek() {
            match next {
                '\'' | '"' if quote.is_none_or(|it| it == next) => {
                    quote = quote.is_none().then_some(next);
                }
                '\n' => break,
                '\\' if quote.is_none() => {}
                ' ' | '\t' | ';' | '&' | '|' | '(' | ')' | '<' | '>' if quote.is_none() => break,
                _ => last.push(next),
            }
            self.next();
        }
        self.documents.push((line, last, tabs));
        Ok(())
    }

    fn command(&mut self, line: usize, word: &str) -> Result<(), Obstacle> {
        let is_function = std::mem::take(&mut self.is_function);
        // Where others go on with their arguments, behind these a command begins.
        self.begins = matches!(
            word,
            "if" | "while" | "until" | "then" | "else" | "elif" | "do" | "!" | "{"
        ) || is_assignment(word);
        match word {
            "if" | "for" | "while" | "until" | "select" => self.open.push(Open::Compound),
            "case" => self.open.push(Open::Case),
            "{" if is_function => self.open.push(Open::Function),
            "{" if self.depends => self.open.push(Open::Dependent),
            "{" => self.open.push(Open::Group),
            "function" => self.is_function = true,
            "fi" | "done" => self.close(Open::Compound),
            "esac" => self.close(Open::Case),
            "}" => {
                let is_one =
                    |it: &Open| matches!(it, Open::Group | Open::Dependent | Open::Function);
                let last = self.open.iter().rev().copied().find(is_one);
                last.into_iter().for_each(|group| self.close(group));
            }
            "exit" | "return" => return self.leaves(line),
            "exec" if self.has_argument() => return self.leaves(line),
            _ => {}
        }
        Ok(())
    }

    /// What is to be executed; without, exec(1p) opens files.
    fn has_argument(&self) -> bool {
        let rest: String = self.rest.clone().take_while(|&it| it != '\n').collect();
        let argument = rest
            .trim_start()
            .trim_start_matches(|it: char| it.is_ascii_digit());
        !argument.is_empty() && !argument.starts_with(['<', '>', ';', '#', '&', '|'])
    }

    fn leaves(&mut self, line: usize) -> Result<(), Obstacle> {
        let mut rest = self.rest.clone();
        let behind = rest.find(|it| !matches!(it, ' ' | '\t'));
        let is_pattern = self.open.last() == Some(&Open::Case) && matches!(behind, Some(')' | '|'));
        if is_pattern {
            return Ok(());
        }
        let is_in = |those: &[Open]| self.open.iter().any(|it| those.contains(it));
        if is_in(&[Open::Function, Open::Subshell]) {
            return Ok(());
        }
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        let text = text.trim().to_owned();
        if self.depends || is_in(&[Open::Compound, Open::Case, Open::Dependent]) {
            self.may_leave.get_or_insert((line, text));
            return Ok(());
        }
        Err(Obstacle::Leaves(line, text))
    }

    fn close(&mut self, open: Open) {
        if let Some(at) = self.open.iter().rposition(|it| *it == open) {
            self.open.truncate(at);
        }
    }
}

fn is_assignment(word: &str) -> bool {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_settings_are_is_no_obstacle() {
        for text in [
            "",
            "\n\n",
            "A=1",
            "# don't\nA=\"it's\" # \\\nB='\\'\n",
            "A=\"a \\\n  b\"\nB=a\\ b\n",
            "cat <<E >/dev/null\n'\nexit\nE\n",
            "cat <<-'E F'; x\n'\n\tE F\nA=1\n",
            "A=$(cat <<< x)\n",
            "A=\"$(echo \"b)\" 'c' \\) )\" B=`echo \"$X\"` C=${D:-\"}\"}\n",
            "f() {\n  return 1\n}\nfunction g {\n  exit\n}\nh ()\n{\nreturn\n}\n",
            "(exit 1)\n( x; exit 1 ) || :\n",
            "exec 3>&1\nexec 2>/dev/null\nexec\n",
            "A=exit\necho exit\necho; echo return\n",
            "case $1 in\n  exit) A=1 ;;\n  (b|c) B=2 ;;\nesac\n",
            "x 2>&1 &&\n  y\n",
        ] {
            assert_eq!(Ending::of(text), Ending::default(), "{text:?}");
        }
    }

    #[test]
    fn what_is_swallowed_or_not_reached_is_told_by_its_line() {
        let document = |line, last: &str| Obstacle::HereDocument(line, last.to_owned());
        let leaves = |line, text: &str| Obstacle::Leaves(line, text.to_owned());
        for (text, obstacle) in [
            ("A=1\nB=2\\\n", Obstacle::GoesOn(2)),
            ("B=2\\", Obstacle::GoesOn(1)),
            ("\\\n", Obstacle::GoesOn(1)),
            ("[ -e /x ] &&\n# so\n", Obstacle::GoesOn(1)),
            ("x |\n", Obstacle::GoesOn(1)),
            ("A='x\nB=2\n", Obstacle::Quote(1)),
            ("A=1\nB=\"x $(y\n", Obstacle::Quote(2)),
            ("A=`x\n", Obstacle::Quote(1)),
            ("A=1\ncat <<E\nx\n", document(2, "E")),
            ("cat <<\\E", document(1, "E")),
            ("cat <<E\n\tE\n", document(1, "E")),
            ("A=1\nexit 0\nB=2\n", leaves(2, "exit 0")),
            ("A=1; return # so\n", leaves(1, "A=1; return # so")),
            ("{ x; exit; }\n", leaves(1, "{ x; exit; }")),
            ("exec /bin/x\n", leaves(1, "exec /bin/x")),
            (
                "if x; then y; fi; exit\n",
                leaves(1, "if x; then y; fi; exit"),
            ),
        ] {
            assert_eq!(Ending::of(text).obstacle, Some(obstacle), "{text:?}");
        }
    }

    #[test]
    fn what_may_leave_depends_on_something() {
        for text in [
            "[ -e /x ] || return 0\n",
            "[ -e /x ] && { y; exit; }\n",
            "if [ -e /x ]; then\n  exit\nfi\n",
            "case $1 in\na) exit ;;\nesac\n",
            "for a in b; do return; done\n",
            "x &&\nexit\n",
        ] {
            let Ending {
                obstacle,
                may_leave,
            } = Ending::of(text);
            assert!(obstacle.is_none() && may_leave.is_some(), "{text:?}");
        }
    }

    #[test]
    fn no_text_panics() {
        let pieces = [
            "'", "\"", "`", "$(", "${", "(", ")", "<<", "\\", "\n", "E", "{", "}", "&&", "exit ",
            "case ",
        ];
        for one in pieces {
            for two in pieces {
                for three in pieces {
                    let _ = Ending::of(&format!("{one}{two}{three}"));
                    let _ = Ending::of(&format!("x {one} {two} {three}\n"));
                }
            }
        }
    }
}
