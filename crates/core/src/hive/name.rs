//! Names of nodes and values: how they are stored, compared and hashed.

use super::text;

/// Decodes a stored name: one byte for each character when `compressed` (Latin-1), UTF-16 otherwise.
pub(super) fn decode(bytes: &[u8], compressed: bool) -> String {
    if compressed { bytes.iter().map(|byte| char::from(*byte)).collect() } else { text::utf16le(bytes) }
}

/// Whether Windows takes two names for one.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.chars().map(upcase).eq(b.chars().map(upcase))
}

/// The hash that `lh` lists keep beside each node, for an ASCII name; `None` for any other, because the hash depends on
/// the upper-case table of the Windows that wrote it.
pub(super) fn hash(name: &str) -> Option<u32> {
    name.is_ascii().then(|| {
        name.bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(37).wrapping_add(byte.to_ascii_uppercase().into()))
    })
}

/// Whether the hint that `lf` lists keep beside each node, its first four characters, can belong to `name`. A zero is
/// padding or a character that does not fit a byte, so it fits everything.
pub(super) fn fits_hint(name: &str, hint: [u8; 4]) -> bool {
    !name.is_ascii() || name.bytes().zip(hint).all(|(c, hint)| hint == 0 || c.eq_ignore_ascii_case(&hint))
}

/// Windows changes case character by character: never one into two, never into ASCII from outside, and not µ.
fn upcase(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) if c != 'µ' && !one.is_ascii() => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_as_windows_does() {
        assert!(same("CurrentVersion", "CURRENTVERSION"));
        assert!(same("Straße Ünal Дом", "STRAßE ÜNAL дОМ"));
        for (a, b) in [("ß", "SS"), ("ı", "I"), ("ſ", "S"), ("µ", "Μ"), ("a", "ab"), ("", "a")] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_upper_case_name() {
        // Each step multiplies by 37: "Ab" is 65 × 37 + 66.
        assert_eq!(hash("Ab"), Some(2471));
        assert_eq!(hash("aB"), hash("Ab"));
        assert_eq!(hash("Ü"), None);
    }

    #[test]
    fn a_hint_rules_out_only_what_it_can_see() {
        assert!(fits_hint("Microsoft", *b"Micr"));
        assert!(fits_hint("microsoft", *b"MICR"));
        assert!(fits_hint("IE", *b"IE\0\0"));
        assert!(fits_hint("Microsoft", *b"M\0\0\0"));
        assert!(fits_hint("Ünal", *b"\0nal"));
        assert!(!fits_hint("Microsoft", *b"Mich"));
    }

    #[test]
    fn a_compressed_name_is_latin_1() {
        assert_eq!(decode(b"caf\xE9", true), "café");
        assert_eq!(decode(b"c\0a\0f\0\xE9\0", false), "café");
    }
}
