//! A unit's text, systemd.syntax(7).

/// The settings in [Unit] and [Service]: lines that end with a backslash go on, comments between them do not.
pub(crate) fn parse(text: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut is_ours = false;
    let mut begun = String::new();
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        if is_comment {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            begun.push_str(part);
            begun.push(' ');
            continue;
        }
        begun.push_str(line);
        let whole = std::mem::take(&mut begun);
        let whole = whole.trim();
        if whole.starts_with('[') {
            is_ours = matches!(whole, "[Service]" | "[Unit]");
        } else if let Some((key, value)) = whole.split_once('=').filter(|_| is_ours) {
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    settings
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
}
