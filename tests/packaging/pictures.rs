//! The pictures of the README: they are there, and what the session shows is what is said.

use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;

use super::{Test, said, source};

pub(super) const TESTS: &[Test] = &[
    ("the_pictures_of_the_documents_are_there_and_sound", sound),
    ("the_session_of_the_readme_is_what_is_said", session),
];

/// The targets of `![…](…)` in a text.
fn pictures(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("![").skip(1);
    behind.filter_map(|it| it.split_once("](")?.1.split_once(')').map(|(path, _)| path))
}

fn sound() -> Checked {
    for (document, least) in [("README.md", 2), ("docs/benchmarks.md", 1)] {
        let document = source().join(document);
        let text = fs::read_to_string(&document).doing("read a document")?;
        let beside = document.parent().unwrap_or(&document);
        let pictures: Vec<_> = pictures(&text).map(|path| beside.join(path)).collect();
        if pictures.len() < least {
            let found = format!("{}: {pictures:?}", document.display());
            return Err(Failure::new("a picture is missing", found));
        }
        let parse = "import sys, xml.dom.minidom as d\nfor p in sys.argv[1:]: assert d.parse(p).documentElement.tagName == 'svg', p";
        let mut python = Command::new("python3");
        said(python.args(["-c", parse]).args(pictures))?;
    }
    Ok(())
}

fn session() -> Checked {
    let mut record = Command::new(source().join("docs/record-session"));
    said(record.arg(release::directory()?).arg("--check")).map(drop)
}
