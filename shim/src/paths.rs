//! Paths as text: those that a setting names, and one as it is kept, directory and name apart.

use core::ffi::CStr;

/// As long as a path may be, with its terminating NUL (`PATH_MAX`, limits.h(0p)).
pub(crate) const SIZE: usize = libc::PATH_MAX.cast_unsigned() as usize;

/// Room for a path.
pub(crate) type Text = [u8; SIZE];

/// Hands each of the paths between colons to the function, but those that are too long to be one.
pub(crate) fn each(paths: &CStr, mut then: impl FnMut(&CStr)) {
    let mut path = [0; SIZE];
    for bytes in paths.to_bytes().split(|&byte| byte == b':') {
        let Some((room, nul)) = path.split_at_mut_checked(bytes.len()) else {
            continue;
        };
        let Some(nul) = nul.first_mut() else { continue };
        room.copy_from_slice(bytes);
        *nul = 0;
        then(CStr::from_bytes_until_nul(&path).unwrap_or_default());
    }
}

/// Writes the path behind what the text holds up to `end`, as directory, NUL, name, NUL, and gives the place of the name.
pub(crate) fn split(text: &mut Text, end: usize, path: &[u8]) -> Option<u16> {
    let whole = end.checked_add(path.len())?;
    text.get_mut(end..whole)?.copy_from_slice(path);
    *text.get_mut(whole)? = 0;
    let slash = text.get(..whole)?.iter().rposition(|&byte| byte == b'/')?;
    // The directory of /x.pid is "/", for which the one slash has to stay.
    let nul = slash.max(1);
    let name_at = nul.checked_add(1)?;
    let name = slash.checked_add(1)?..whole.checked_add(1)?;
    if name_at.checked_add(name.len())? > SIZE {
        return None;
    }
    text.copy_within(name, name_at);
    *text.get_mut(nul)? = 0;
    u16::try_from(name_at).ok()
}

/// Directory and name as one path.
pub(crate) fn joined<'a>(path: &'a mut Text, directory: &CStr, name: &CStr) -> Option<&'a CStr> {
    let directory = directory.to_bytes();
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let slash_and_name = [directory, b"/", name.to_bytes_with_nul()];
    let length = write(path, slash_and_name)?;
    CStr::from_bytes_with_nul(path.get(..length)?).ok()
}

/// Writes the parts and gives their length; `None` when they are longer than a path may be.
pub(crate) fn write(path: &mut Text, parts: [&[u8]; 3]) -> Option<usize> {
    let mut end = 0_usize;
    for part in parts {
        let next = end.checked_add(part.len())?;
        path.get_mut(end..next)?.copy_from_slice(part);
        end = next;
    }
    Some(end)
}
