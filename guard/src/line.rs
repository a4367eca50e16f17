//! Text for people, of a line or a few: as much as fits, and nothing in it that is not to be printed.

use core::fmt::{self, Display, Write};

use arrayvec::ArrayVec;

/// As long as an entry of the journal is that has the longest path twice.
const LENGTH: usize = 2 * 4096 + 512;

/// A line in the making. What does not fit is dropped.
#[derive(Debug)]
pub(crate) struct Line(ArrayVec<u8, LENGTH>);

impl Line {
    pub(crate) const fn new() -> Self {
        Self(ArrayVec::new_const())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let bytes = text.as_bytes();
        let fitting = bytes.get(..self.0.remaining_capacity()).unwrap_or(bytes);
        self.0
            .try_extend_from_slice(fitting)
            .map_err(|_| fmt::Error)
    }
}

/// A path or a command name, which may hold anything: control characters and what is no UTF-8 come as `\x0a`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    write!(out, "\\x{:02x}", u32::from(character))?;
                } else {
                    out.write_char(character)?;
                }
            }
            for byte in chunk.invalid() {
                write!(out, "\\x{:02x}", u32::from(*byte))?;
            }
        }
        Ok(())
    }
}
