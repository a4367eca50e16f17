//! A unit's text, systemd.syntax(7).

/// The settings in [Unit] and [Service]: lines that end with a backslash go on, comments between them do not.
pub(crate) fn parse(text: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut is_ours = false;
    for line in lines(text) {
        // An editor's byte order mark at the beginning of a file is nothing to systemd.
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.starts_with('[') {
            is_ours = matches!(line, "[Service]" | "[Unit]");
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_ours) {
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    settings
}

/// The lines, those that go on joined with what follows. At the end of the text nothing has to follow. A line ends where
/// systemd has it end: before CR and NUL as well.
fn lines(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut begun: Option<String> = None;
    let text = text.replace("\r\n", "\n");
    for line in text.split(['\n', '\r', '\0']) {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        if is_comment {
            continue;
        }
        let mut whole = begun.take().unwrap_or_default();
        whole.push_str(line);
        // One backslash escapes another.
        let rest = line.trim_end_matches('\\');
        if (line.len() - rest.len()) % 2 == 1 {
            whole.pop();
            whole.push(' ');
            begun = Some(whole);
        } else {
            all.push(whole);
        }
    }
    all.extend(begun);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_and_comments_between_them_do_not() {
        let first = parse("[Service]\nExecStart=/a \\\n# a comment\n  --b\n");
        assert_eq!(
            first[0].1.split_whitespace().collect::<Vec<_>>(),
            ["/a", "--b"]
        );
    }

    #[test]
    fn only_a_backslash_that_is_not_escaped_joins_what_follows() {
        let settings =
            parse("[Service]\nEnvironment=A=b\\\\\nType=forking\nExecStart=/a \\\\\\\n--b\n");
        assert_eq!(settings[0].1, "A=b\\\\");
        assert_eq!(settings[1].1, "forking");
        assert_eq!(settings[2].1, "/a \\\\ --b");
    }

    #[test]
    fn a_line_ends_where_it_does_for_systemd() {
        for text in [
            "[Service]\rExecStart=/a \\\r\n--b\rType=forking\n",
            "[Service]\0ExecStart=/a \\\n--b\r\nType=forking\0\n",
        ] {
            let settings = parse(text);
            let said: Vec<_> = settings.iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(said, ["/a  --b", "forking"], "{text:?}");
        }
    }

    #[test]
    fn a_line_that_goes_on_at_the_end_of_the_text_counts() {
        for end in ["\\", "\\\n", "\\\n# nothing\n"] {
            let settings = parse(&format!("[Service]\nExecStart=/a {end}"));
            assert_eq!(
                settings,
                [("ExecStart".to_owned(), "/a".to_owned())],
                "{end:?}"
            );
        }
    }
}
