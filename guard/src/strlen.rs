//! `strlen`, which the core library calls for the length of a C string; as in `mem.rs`.
#![expect(
    unsafe_code,
    reason = "it is C's, and C's contract is all the proof there is"
)]

/// How many bytes stand before the first NUL, strlen(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut length = 0;
    loop {
        // SAFETY: no NUL was found before this byte, so it belongs to the string.
        let byte = unsafe { string.wrapping_add(length).read_volatile() };
        if byte == 0 {
            return length;
        }
        length += 1;
    }
}
