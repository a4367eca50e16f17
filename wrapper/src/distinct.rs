//! Which pidfiles were met already, by whatever paths.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;

use crate::place::{Key, Place};

/// The files of places, each once. Only what has the same name can be the same file: of the only one of its name nobody asks
/// which directory it is in, which takes a walk to it.
#[derive(Default, Debug)]
pub(crate) struct Distinct(BTreeMap<CString, SameName>);

/// Files of one name.
#[derive(Default, Debug)]
struct SameName {
    /// The first one, as long as nobody has asked where it is.
    unasked: Option<Place>,
    keys: BTreeSet<Key>,
}

impl Distinct {
    /// Adds a place; `false` when its file is known.
    pub(crate) fn insert(&mut self, place: &Place) -> bool {
        let same = self.0.entry(place.name().to_owned()).or_default();
        if same.unasked.is_none() && same.keys.is_empty() {
            same.unasked = Some(place.clone());
            return true;
        }
        same.insert(place.key())
    }

    /// The same for one whose key is known.
    pub(crate) fn insert_known(&mut self, place: &Place, key: Key) -> bool {
        let same = self.0.entry(place.name().to_owned()).or_default();
        same.insert(key)
    }
}

impl SameName {
    fn insert(&mut self, key: Key) -> bool {
        self.keys.extend(self.unasked.take().map(|it| it.key()));
        self.keys.insert(key)
    }
}
