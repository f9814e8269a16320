//! Fixed fields of Windows and firmware structures: little-endian numbers and padded texts.
//!
//! Every function gives `None` where the bytes end before the field does. A text is never refused: whatever is not
//! printable becomes U+FFFD. So a damaged text stays visible, cannot steer a terminal, and equals no entry of any
//! table.

/// The `N` bytes at `offset`.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// The little-endian 16-bit number at `offset`.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array_at(bytes, offset).map(u16::from_le_bytes)
}

/// The little-endian 32-bit number at `offset`.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array_at(bytes, offset).map(u32::from_le_bytes)
}

/// The ASCII text in the `len` bytes at `offset`, up to the first NUL. `None` also for an empty text.
pub(crate) fn ascii_at(bytes: &[u8], offset: usize, len: usize) -> Option<String> {
    let field = bytes.get(offset..)?.get(..len)?;
    let text: String = field.iter().take_while(|byte| **byte != 0).map(|byte| printable_ascii(*byte)).collect();
    (!text.is_empty()).then_some(text)
}

/// The UTF-16 text in the `units` 16-bit units at `offset`, up to the first zero unit. `None` also for an empty text.
pub(crate) fn utf16_at(bytes: &[u8], offset: usize, units: usize) -> Option<String> {
    let (pairs, _) = bytes.get(offset..)?.get(..units.checked_mul(2)?)?.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0);
    let text: String =
        char::decode_utf16(units).map(|unit| unit.map_or(char::REPLACEMENT_CHARACTER, printable)).collect();
    (!text.is_empty()).then_some(text)
}

fn printable_ascii(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { char::REPLACEMENT_CHARACTER }
}

fn printable(unit: char) -> char {
    if unit.is_control() { char::REPLACEMENT_CHARACTER } else { unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_little_endian_and_none_past_the_end() {
        let bytes = [1, 2, 3, 4, 5];
        assert_eq!(u16_at(&bytes, 3), Some(0x0504));
        assert_eq!(u32_at(&bytes, 1), Some(0x0504_0302));
        assert_eq!(u32_at(&bytes, 2), None);
        assert_eq!(u16_at(&bytes, usize::MAX), None);
    }

    #[test]
    fn a_text_ends_at_its_first_nul_or_at_the_end_of_its_field() {
        assert_eq!(ascii_at(b"xabc\0def", 1, 7).as_deref(), Some("abc"));
        assert_eq!(ascii_at(b"xabcdef", 1, 3).as_deref(), Some("abc"));
        assert_eq!(ascii_at(b"xabc", 1, 4), None);
        assert_eq!(ascii_at(b"\0abc", 0, 4), None);
        assert_eq!(utf16_at(b"a\0b\0\0\0c\0", 0, 4).as_deref(), Some("ab"));
        assert_eq!(utf16_at(b"a\0b\0", 0, 3), None);
    }

    #[test]
    fn what_cannot_be_printed_is_replaced_and_the_rest_stays() {
        assert_eq!(ascii_at(b"a\x1b[m\xff", 0, 5).as_deref(), Some("a\u{fffd}[m\u{fffd}"));
        // A lone high surrogate, then an escape.
        assert_eq!(utf16_at(b"a\0\x00\xd8\x1b\0z\0", 0, 4).as_deref(), Some("a\u{fffd}\u{fffd}z"));
    }
}
