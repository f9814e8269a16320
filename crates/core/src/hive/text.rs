//! Text as the registry stores it.

/// Decodes UTF-16, little-endian, whole. A lone surrogate becomes U+FFFD; an odd byte at the end is left out.
#[must_use]
pub fn utf16le(bytes: &[u8]) -> String {
    decode(units(bytes))
}

/// Decodes UTF-16, little-endian, up to the first NUL: the text of a `REG_SZ` or `REG_EXPAND_SZ` value, which may lack
/// its NUL or have leftovers behind it, and the first text of a `REG_MULTI_SZ` value. `.reg` files write the same
/// bytes as `hex(1):`, `hex(2):` and `hex(7):`.
#[must_use]
pub fn first_text(bytes: &[u8]) -> String {
    decode(units(bytes).take_while(|unit| *unit != 0))
}

fn units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
}

fn decode(units: impl Iterator<Item = u16>) -> String {
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn text_ends_at_its_first_nul_or_at_its_end() {
        assert_eq!(first_text(&encode("Windows\0leftover")), "Windows");
        assert_eq!(first_text(&encode("Windows")), "Windows");
        assert_eq!(first_text(&encode("\0")), "");
        assert_eq!(utf16le(&encode("a\0b")), "a\0b");
    }

    #[test]
    fn odd_bytes_and_lone_surrogates_do_no_harm() {
        assert_eq!(first_text(b"A\0B\0C"), "AB");
        assert_eq!(first_text(b"A\0\x00\xD8B\0"), "A\u{FFFD}B");
    }

    proptest! {
        #[test]
        fn every_text_survives(text in "\\PC{0,40}") {
            prop_assert_eq!(utf16le(&encode(&text)), text);
        }
    }
}
