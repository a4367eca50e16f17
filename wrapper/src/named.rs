//! The pidfiles that the user named to a command that acts on them, each once.

use std::path::PathBuf;

use pidward_identity::evidence::Question;

use crate::distinct::Distinct;
use crate::exit::Exit;
use crate::finding::Looked;
use crate::place::{NoPlace, Place};
use crate::say;

/// Pidfiles that were named.
#[derive(Debug)]
pub(crate) struct Named {
    places: Vec<Place>,
    /// [`Exit::Success`], unless one of the paths can be no pidfile's; that was said.
    pub(crate) exit: Exit,
}

impl Named {
    /// Those of these paths.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        let (mut places, mut known, mut exit) = (Vec::new(), Distinct::default(), Exit::Success);
        for path in paths {
            let refused = match Place::of(path) {
                Ok(place) if !path.is_dir() => {
                    if known.insert(&place) {
                        places.push(place);
                    }
                    continue;
                }
                Ok(_) | Err(NoPlace::Directory) => say::Refused::Directory,
                Err(NoPlace::NoCurrentDirectory(error)) => say::Refused::NoCurrentDirectory(error),
            };
            say::not_a_pidfile(path, &refused);
            exit = Exit::Unknown;
        }
        Self { places, exit }
    }

    /// Where they are.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
    }

    /// Looks at each.
    pub(crate) fn look(&self, question: Question) -> impl Iterator<Item = Looked<'_>> {
        self.places().map(move |place| Looked::at(place, question))
    }
}
