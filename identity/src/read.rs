//! Reads a file into a buffer: its beginning, or line by line.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Fills the buffer from the file's offset on and gives the part that was filled; less than the buffer holds
/// means that the file ends there. Files in /proc may come in several pieces, so one read(2) is not enough.
///
/// # Errors
/// What read(2) says.
pub fn up_to<'b>(file: BorrowedFd<'_>, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    fill(file, buffer, usize::MAX)
}

/// The same of a file of this size: its end is not looked for once that much has come. A size of 0 is none, as in /proc.
///
/// # Errors
/// What read(2) says.
pub fn sized<'b>(file: BorrowedFd<'_>, size: u64, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let size = usize::try_from(size).ok().filter(|&size| size > 0);
    fill(file, buffer, size.unwrap_or(usize::MAX))
}

/// The same of a file in /proc that the kernel writes in one piece, which comes with the first read(2): `stat`, `status`
/// (`single_open` of fs/seq_file.c).
///
/// # Errors
/// What read(2) says.
pub fn in_one_piece<'b>(file: BorrowedFd<'_>, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    fill(file, buffer, 1)
}

/// Reads until there is enough, the buffer is full, or the file ends.
fn fill<'b>(file: BorrowedFd<'_>, buffer: &'b mut [u8], enough: usize) -> Result<&'b [u8], Errno> {
    let mut filled = 0;
    while let Some(room) = buffer
        .get_mut(filled..)
        .filter(|room| filled < enough && !room.is_empty())
    {
        match rustix::io::read(file, room) {
            Ok(0) => break,
            Ok(more) => filled = filled.saturating_add(more),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

/// Hands each line of the file to the function, without its newline, until it answers `false`. Lines of `N` bytes or more
/// are handed over in pieces.
///
/// # Errors
/// What read(2) says.
pub fn lines<const N: usize>(
    file: BorrowedFd<'_>,
    mut line: impl FnMut(&[u8]) -> bool,
) -> Result<(), Errno> {
    lines_through(&mut [0; N], file, &mut line)
}

/// The same through this buffer. In one copy for all who read lines: the guard is small.
#[inline(never)]
fn lines_through(
    buffer: &mut [u8],
    file: BorrowedFd<'_>,
    line: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), Errno> {
    let mut kept = 0;
    loop {
        let room = buffer.get_mut(kept..).unwrap_or_default();
        let offered = room.len();
        let filled = kept.saturating_add(up_to(file, room)?.len());
        if filled == 0 {
            return Ok(());
        }
        let ended = filled < kept.saturating_add(offered);
        let text = buffer.get(..filled).unwrap_or_default();
        let complete = match text.iter().rposition(|&byte| byte == b'\n') {
            Some(newline) if !ended => newline.saturating_add(1),
            _ => filled,
        };
        let whole = text.get(..complete).unwrap_or_default();
        let whole = whole.strip_suffix(b"\n").unwrap_or(whole);
        if !whole.split(|&byte| byte == b'\n').all(&mut *line) || ended {
            return Ok(());
        }
        buffer.copy_within(complete..filled, 0);
        kept = filled.saturating_sub(complete);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;

    fn lines_of(text: &str) -> Vec<String> {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, text.as_bytes()).unwrap();
        drop(writer);
        let mut seen = Vec::new();
        lines::<16>(reader.as_fd(), |line| {
            seen.push(String::from_utf8(line.to_vec()).unwrap());
            true
        })
        .unwrap();
        seen
    }

    #[test]
    fn every_line_is_handed_over_once_and_whole() {
        assert_eq!(
            lines_of("one\n\nthree is long\nfour"),
            ["one", "", "three is long", "four"]
        );
    }

    #[test]
    fn where_a_file_ends_there_is_no_empty_line() {
        assert!(lines_of("").is_empty());
        // It ends where the buffer does.
        assert_eq!(lines_of("fifteen letters\n"), ["fifteen letters"]);
        assert_eq!(lines_of("one\nand no more\n"), ["one", "and no more"]);
    }
}
