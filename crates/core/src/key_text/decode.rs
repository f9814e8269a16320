//! Files that people and programs write, as text.
//!
//! Input is the bytes of a whole text file; output is its text, without byte order marks. Line ends and NUL
//! characters stay as they are.
//!
//! Sources: Unicode 15, section 3.10 (the marks); unicode.org, `CP1252.TXT`.

use zeroize::Zeroizing;

/// How much of a file without a byte order mark is looked at to tell UTF-16, in bytes.
const LOOKED_AT: usize = 4096;

/// The characters of Windows-1252 at 0x80 to 0x9F. Five are unassigned and stay the controls that Windows makes of
/// them.
const HIGH_CONTROLS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// Decodes UTF-8, UTF-16 of either byte order, or else Windows-1252, in that order of proof: a byte order mark
/// (once or doubled), zero bytes at every second place, well-formed UTF-8.
///
/// Half a surrogate pair and an odd last byte become U+FFFD. The text may hold product keys and is cleared on drop.
#[must_use]
pub fn decode(bytes: &[u8]) -> Zeroizing<String> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => match zero_half(bytes) {
            Some(1) => utf16(bytes, u16::from_le_bytes),
            Some(_) => utf16(bytes, u16::from_be_bytes),
            None => str::from_utf8(bytes).map_or_else(|_| windows_1252(bytes), |text| Zeroizing::new(text.to_owned())),
        },
    };
    match text.trim_start_matches('\u{FEFF}') {
        rest if rest.len() == text.len() => text,
        rest => Zeroizing::new(rest.to_owned()),
    }
}

/// The text of ANSI bytes, as a Western European Windows reads them.
#[must_use]
pub fn windows_1252(bytes: &[u8]) -> Zeroizing<String> {
    let char_of = |byte: &u8| match byte {
        0x80..=0x9F => HIGH_CONTROLS.get(usize::from(byte - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        other => char::from(*other),
    };
    // The room is measured first, so that no half-grown copy of a secret stays behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.iter().map(|b| char_of(b).len_utf8()).sum()));
    text.extend(bytes.iter().map(char_of));
    text
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Zeroizing<String> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let chars = || {
        char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .chain(odd.iter().map(|_| char::REPLACEMENT_CHARACTER))
    };
    let mut text = Zeroizing::new(String::with_capacity(chars().map(char::len_utf8).sum()));
    text.extend(chars());
    text
}

/// Which byte of most pairs is zero, 0 or 1, while the other is not: that is how UTF-16 of Latin text looks.
fn zero_half(bytes: &[u8]) -> Option<usize> {
    let (pairs, _) = bytes.get(..LOOKED_AT).unwrap_or(bytes).as_chunks::<2>();
    let share = |test: fn(&[u8; 2]) -> bool| pairs.iter().filter(|pair| test(pair)).count() * 4 > pairs.len() * 3;
    if share(|pair| pair[1] == 0 && pair[0] != 0) {
        Some(1)
    } else if share(|pair| pair[0] == 0 && pair[1] != 0) {
        Some(0)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16_bytes(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_that_windows_writes_gives_the_same_text() {
        let text = "Windows – Größe 10 €\r\n";
        let ansi = b"Windows \x96 Gr\xF6\xDFe 10 \x80\r\n";
        for (bytes, how) in [
            (text.as_bytes().to_vec(), "UTF-8"),
            (format!("\u{FEFF}{text}").into_bytes(), "UTF-8 with a mark"),
            (format!("\u{FEFF}\u{FEFF}{text}").into_bytes(), "UTF-8 with two marks"),
            (utf16_bytes(text, u16::to_le_bytes), "UTF-16LE"),
            (utf16_bytes(&format!("\u{FEFF}{text}"), u16::to_le_bytes), "UTF-16LE with a mark"),
            (utf16_bytes(&format!("\u{FEFF}\u{FEFF}{text}"), u16::to_le_bytes), "UTF-16LE with two marks"),
            (utf16_bytes(text, u16::to_be_bytes), "UTF-16BE"),
            (utf16_bytes(&format!("\u{FEFF}{text}"), u16::to_be_bytes), "UTF-16BE with a mark"),
            (ansi.to_vec(), "Windows-1252"),
        ] {
            assert_eq!(*decode(&bytes), text, "{how}");
        }
    }

    #[test]
    fn broken_utf16_is_replaced_and_not_refused() {
        assert_eq!(*decode(&[0xFF, 0xFE, b'A', 0, 0x00, 0xD8, b'B']), "A\u{FFFD}\u{FFFD}");
        assert_eq!(*decode(&[0xFF, 0xFE]), "");
        assert_eq!(*decode(&[]), "");
    }

    #[test]
    fn the_room_is_measured_exactly() {
        let text = windows_1252(b"\x80\x80\x80\xE4");
        assert_eq!((text.len(), text.capacity()), (11, 11));
    }
}
