//! The 25 characters of a product key, as text and as the 16 bytes that Windows stores.
//!
//! Input is typed text or a stored key field; output is a [`ProductKey`] that is well-formed by construction. A
//! well-formed product key is not a genuine one: only Microsoft's server knows that. Nothing here makes, guesses or
//! completes a product key.
//!
//! There are two forms. Without an `N`, all 25 symbols are base-24 digits (up to Windows 7 and Office 2010). With
//! exactly one `N`, its position is the leading digit and the other 24 symbols follow (since Windows 8 and Office
//! 2013); only this form shows a group, a serial and a checksum.
//!
//! Source: unpublished; 277 published product keys and 269 firmware tables agree (`docs/formats.md`).

#![expect(clippy::indexing_slicing, reason = "fixed-size arrays, indexed below their length")]

use std::fmt;

use crc::{CRC_32_BZIP2, Crc, Table};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The symbols in the order of their values, 0 to 23. The `N` is not among them.
const ALPHABET: &[u8; 24] = b"BCDFGHJKMPQRTVWXY2346789";
/// The number of symbols in a product key.
pub const SYMBOLS: usize = 25;
/// The length of a product key as text, dashes included.
pub const TEXT_LEN: usize = 29;

const POW_4: u64 = 24_u64.pow(4);
const POW_5: u64 = 24_u64.pow(5);
const POW_12: u64 = 24_u64.pow(12);
const POW_24: u128 = (POW_12 as u128) * (POW_12 as u128);
/// Bit 115 (byte 14, mask 0x08) says that the leading digit is the position of the `N`.
const N_FLAG: u128 = 1 << 115;
const CHECKSUM_SHIFT: u32 = 103;
const CHECKSUM_MASK: u128 = 0x3FF << CHECKSUM_SHIFT;
const UPGRADE_BIT: u128 = 1 << 113;

/// Marks `N` in [`DIGITS`].
const DIGIT_N: u8 = 24;
/// Marks a character outside the alphabet in [`DIGITS`], with a bit that no digit has.
const DIGIT_NONE: u8 = 0x80;
/// The value of every byte as a symbol, upper and lower case.
const DIGITS: [u8; 256] = digits();

static CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_BZIP2);

/// A well-formed product key. It prints its last five symbols at most; [`reveal`](Self::reveal) is the only way out,
/// and the memory is cleared on drop.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct ProductKey {
    /// The 16 stored bytes as a little-endian number, [`N_FLAG`] included.
    packed: u128,
}

/// Five symbols as they are read. All five groups are read side by side and without a branch, for long lists are read
/// faster than a wrongly guessed branch costs.
struct Part {
    /// The digits as one base-24 number, in which an `N` has no place.
    value: u64,
    /// Bit 0 for an `N` in front, up to bit 4 for one at the end.
    n_places: u32,
    /// All digits together: [`DIGIT_NONE`] shows through.
    seen: u8,
}

/// The two forms of a product key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyForm {
    /// No `N`: Windows 7, Office 2010 and everything older. Shows neither group nor checksum.
    Pkey2005,
    /// Exactly one `N`: Windows 8, Office 2013 and everything newer.
    Pkey2009,
}

/// What a product key of the 2009 form shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fields {
    /// The group ID, 20 bits (`RefGroupId` in pkeyconfig files).
    pub group: u32,
    /// The serial inside the group, 30 bits.
    pub serial: u32,
    /// The checksum as stored, 10 bits.
    pub checksum: u16,
    /// The upgrade bit. It was 0 in every product key seen so far.
    pub upgrade: bool,
}

/// Why text or bytes are not a product key. Positions count the symbols from 1, separators left out.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum KeyError {
    #[error("a product key has 25 characters, here are {found}{}", group_hint(.group))]
    Length { found: usize, group: Option<GroupLength> },
    #[error("the stored number needs more than 25 characters")]
    Range,
    #[error("the letter N stands at character {first} and again at {second}; a product key has one at most")]
    SecondN { first: usize, second: usize },
    #[error("character {position} is {found:?}, which no product key contains")]
    Symbol { position: usize, found: char },
}

/// The first group that does not have five characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLength {
    /// Which group, from 1.
    pub group: usize,
    /// How many characters it has.
    pub found: usize,
}

/// The last five symbols, which Windows itself shows as "Partial Product Key".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartialKey([u8; 5]);

/// A product key as text, on purpose: 29 characters in five groups. Cleared on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KeyText([u8; TEXT_LEN]);

impl ProductKey {
    /// Reads typed text: 25 symbols in either case, with or without dashes and spaces between them.
    ///
    /// # Errors
    ///
    /// [`KeyError::Length`], [`KeyError::Symbol`] or [`KeyError::SecondN`], each with the place. A failed checksum is
    /// not an error here; see [`checksum_ok`](Self::checksum_ok).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::parse_bytes(text.as_bytes()).ok_or_else(|| explain(text)).or_else(|error| match error {
            // The slow road also understands the dashes that word processors put in.
            KeyError::Length { found: SYMBOLS, .. } => {
                let symbols: String = text.chars().filter(|c| !is_separator(*c)).collect();
                Self::parse_bytes(symbols.as_bytes()).ok_or(error)
            }
            other => Err(other),
        })
    }

    /// Reads the two plain spellings, 25 symbols with or without the four dashes, and nothing else. This is
    /// [`parse`](Self::parse) for long lists.
    #[inline]
    #[must_use]
    pub fn parse_bytes(text: &[u8]) -> Option<Self> {
        if let Ok(text) = <&[u8; TEXT_LEN]>::try_from(text) {
            let dashes = text[5] == b'-' && text[11] == b'-' && text[17] == b'-' && text[23] == b'-';
            return if dashes { Self::join([0, 6, 12, 18, 24].map(|start| Part::read(text, start))) } else { None };
        }
        let text = <&[u8; SYMBOLS]>::try_from(text).ok()?;
        Self::join([0, 5, 10, 15, 20].map(|start| Part::read(text, start)))
    }

    /// Joins the five groups into the stored number.
    #[inline(always)]
    fn join(parts: [Part; 5]) -> Option<Self> {
        let n_places = (0..).zip(&parts).fold(0_u32, |places, (group, part)| places | part.n_places << (group * 5));
        let seen = parts.iter().fold(0, |seen, part| seen | part.seen);
        if seen & DIGIT_NONE != 0 || n_places & n_places.wrapping_sub(1) != 0 {
            return None;
        }
        let [a, b, c, d, e] = parts;
        // Ten digits fit 64 bits; a product key does not.
        let (high, low) = (a.value * b.scale() + b.value, c.value * d.scale() + d.value);
        let twenty = u128::from(high) * u128::from(c.scale() * d.scale()) + u128::from(low);
        let digits = twenty * u128::from(e.scale()) + u128::from(e.value);
        if n_places == 0 {
            return Some(Self { packed: digits });
        }
        Some(Self { packed: (digits + u128::from(n_places.trailing_zeros()) * POW_24) | N_FLAG })
    }

    /// Unpacks the 16-byte key field of a stored value, little-endian: one base-24 number, most significant symbol
    /// first; when bit 115 is set, the leading digit is the position of the `N` instead. Nothing else decides the
    /// form, least of all the Windows version.
    ///
    /// # Errors
    ///
    /// [`KeyError::Range`] when the number needs more than 25 symbols.
    ///
    /// Source: unpublished; agrees with 17 real `DigitalProductId` and 19 real `DigitalProductId4` values.
    pub fn unpack(packed: &[u8; 16]) -> Result<Self, KeyError> {
        let packed = u128::from_le_bytes(*packed);
        let fits = packed & !N_FLAG < 25 * POW_24 && (packed & N_FLAG != 0 || packed < 24 * POW_24);
        if fits { Ok(Self { packed }) } else { Err(KeyError::Range) }
    }

    /// The 16 bytes that Windows stores for this product key; [`unpack`](Self::unpack) reads them.
    #[must_use]
    pub fn pack(&self) -> [u8; 16] {
        self.packed.to_le_bytes()
    }

    /// Whether there is an `N`.
    #[inline]
    #[must_use]
    pub fn form(&self) -> KeyForm {
        if self.packed & N_FLAG == 0 { KeyForm::Pkey2005 } else { KeyForm::Pkey2009 }
    }

    /// Group, serial, checksum and upgrade bit; `None` for the older form, which hides them.
    #[inline]
    #[must_use]
    pub fn fields(&self) -> Option<Fields> {
        (self.form() == KeyForm::Pkey2009).then_some(Fields {
            group: (self.packed & 0xF_FFFF) as u32,
            serial: (self.packed >> 20 & 0x3FFF_FFFF) as u32,
            checksum: (self.packed >> CHECKSUM_SHIFT & 0x3FF) as u16,
            upgrade: self.packed & UPGRADE_BIT != 0,
        })
    }

    /// Whether the checksum is right, which says "typed correctly" and not "genuine"; `None` for the older form,
    /// which has none that can be seen.
    ///
    /// It is the low 10 bits of CRC-32/BZIP2 over the 16 bytes with the checksum itself zero. Whether it covers the
    /// upgrade bit is unknown (no product key with that bit was ever seen), so either answer is taken.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self) -> Option<bool> {
        let fields = self.fields()?;
        let covered = self.packed & !N_FLAG & !CHECKSUM_MASK;
        let agrees = |covered: u128| (CHECKSUM.checksum(&covered.to_le_bytes()) & 0x3FF) as u16 == fields.checksum;
        Some(agrees(covered) || fields.upgrade && agrees(covered & !UPGRADE_BIT))
    }

    /// Whether all symbols are `B`: what is left where Windows cleared the stored product key.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.packed == 0
    }

    /// The last five symbols.
    #[must_use]
    pub fn partial(&self) -> PartialKey {
        let text = self.reveal();
        let mut last = [0; 5];
        last.copy_from_slice(&text.0[TEXT_LEN - 5..]);
        PartialKey(last)
    }

    /// The whole product key as text. Every use of this is a place where a secret leaves its type.
    #[must_use]
    pub fn reveal(&self) -> KeyText {
        let number = self.packed & !N_FLAG;
        let (top, rest) = ((number / POW_24) as usize, number % POW_24);
        let mut halves = [(rest / u128::from(POW_12)) as u64, (rest % u128::from(POW_12)) as u64];
        let mut symbols = [0_u8; SYMBOLS];
        for (half, part) in halves.iter_mut().zip([1..13, 13..25]) {
            for symbol in symbols[part].iter_mut().rev() {
                *symbol = ALPHABET[(*half % 24) as usize];
                *half /= 24;
            }
        }
        if self.form() == KeyForm::Pkey2009 {
            symbols.copy_within(1..=top, 0);
            symbols[top] = b'N';
        } else {
            symbols[0] = ALPHABET[top];
        }
        let mut text = [b'-'; TEXT_LEN];
        for (i, symbol) in symbols.iter().enumerate() {
            text[i + i / 5] = *symbol;
        }
        symbols.zeroize();
        halves.zeroize();
        KeyText(text)
    }
}

impl fmt::Debug for ProductKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProductKey(…{})", self.partial())
    }
}

impl PartialKey {
    /// Reads five symbols, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let symbols = <[u8; 5]>::try_from(text.as_bytes()).ok()?.map(|b| b.to_ascii_uppercase());
        symbols.iter().all(|b| DIGITS[usize::from(*b)] != DIGIT_NONE).then_some(Self(symbols))
    }

    /// The five symbols, upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The masked product key that people see: four groups of `mask`, then the five symbols.
    #[must_use]
    pub fn masked(&self, mask: char) -> String {
        let group: String = std::iter::repeat_n(mask, 5).collect();
        format!("{group}-{group}-{group}-{group}-{self}")
    }
}

impl fmt::Display for PartialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PartialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartialKey({self})")
    }
}

impl KeyText {
    /// The 29 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(…)")
    }
}

impl KeyForm {
    /// The name in the machine interface, after the algorithm names in pkeyconfig files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pkey2005 => "PKEY2005",
            Self::Pkey2009 => "PKEY2009",
        }
    }
}

const fn digits() -> [u8; 256] {
    let mut digits = [DIGIT_NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        digits[ALPHABET[value].to_ascii_lowercase() as usize] = value as u8;
        value += 1;
    }
    digits[b'N' as usize] = DIGIT_N;
    digits[b'n' as usize] = DIGIT_N;
    digits
}

impl Part {
    #[inline(always)]
    fn read<const LEN: usize>(text: &[u8; LEN], start: usize) -> Self {
        let mut part = Self { value: 0, n_places: 0, seen: 0 };
        for place in 0..5 {
            let digit = DIGITS[usize::from(text[start + place])];
            let is_n = digit == DIGIT_N;
            part.seen |= digit;
            part.n_places |= u32::from(is_n) << place;
            part.value = if is_n { part.value } else { part.value * 24 + u64::from(digit) };
        }
        part
    }

    /// What the digits before this group are multiplied by to make room for it.
    #[inline(always)]
    fn scale(&self) -> u64 {
        if self.n_places == 0 { POW_5 } else { POW_4 }
    }
}

/// Space, and every dash that a keyboard or a word processor makes.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}

/// Says what is wrong with text that [`ProductKey::parse_bytes`] refused. `Length { found: 25 }` means nothing is,
/// but for unusual separators.
fn explain(text: &str) -> KeyError {
    let symbols = || text.chars().filter(|c| !is_separator(*c));
    let found = symbols().count();
    if found != SYMBOLS {
        let groups = || text.split(is_separator).filter(|group| !group.is_empty()).map(|group| group.chars().count());
        let group =
            groups().enumerate().find(|(_, found)| *found != 5).map(|(i, found)| GroupLength { group: i + 1, found });
        return KeyError::Length { found, group: group.filter(|_| groups().count() == 5) };
    }
    let mut first_n = None;
    for (position, symbol) in (1..).zip(symbols()) {
        match u8::try_from(symbol).map_or(DIGIT_NONE, |byte| DIGITS[usize::from(byte)]) {
            DIGIT_NONE => return KeyError::Symbol { position, found: symbol },
            DIGIT_N => match first_n.replace(position) {
                Some(first) => return KeyError::SecondN { first, second: position },
                None => continue,
            },
            _ => {}
        }
    }
    KeyError::Length { found, group: None }
}

fn group_hint(group: &Option<GroupLength>) -> String {
    group.map(|g| format!(" (group {} has {} instead of 5)", g.group, g.found)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Group, serial and checksum.
    type Shown = Option<(u32, u32, u16)>;

    /// Published product keys with their 16 bytes and what they show.
    const VECTORS: &[(&str, &str, Shown)] = &[
        ("W269N-WFGWX-YVC9B-4J6C9-T83GX", "ef0c10000000343dc5394ebd6e2f0900", Some((3311, 1, 606))),
        ("VK7JG-NPHTM-C97JM-9MPGT-3V66T", "ec0c00000000a8d27b6e89814f6d0900", Some((3308, 0, 730))),
        ("NPPR9-FWDCX-D2C8J-H872K-2YT43", "da0c30000000186367e01565be190800", Some((3290, 3, 51))),
        ("XQNVK-8JYDB-WJ9W3-YJ8YR-WFG99", "3f0d00000000785ddba04f09d2ad0800", Some((3391, 0, 347))),
        ("FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4", "c3aabfa65bba18b8878e89d24ed80000", None),
    ];

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn published_keys_pack_to_the_bytes_windows_stores() {
        for (text, bytes, shown) in VECTORS {
            let key = ProductKey::parse(text).unwrap();
            assert_eq!(hex(&key.pack()), *bytes, "{text}");
            assert_eq!(ProductKey::unpack(&key.pack()), Ok(key.clone()));
            assert_eq!(key.reveal().as_str(), *text);
            assert_eq!(key.fields().map(|f| (f.group, f.serial, f.checksum)), *shown, "{text}");
            assert_eq!(key.checksum_ok(), shown.map(|_| true), "{text}");
        }
    }

    #[test]
    fn n_survives_in_every_position() {
        for n in 0..SYMBOLS {
            let mut text = [b'C'; SYMBOLS];
            text[n] = b'N';
            let key = ProductKey::parse_bytes(&text).unwrap();
            assert_eq!(ProductKey::unpack(&key.pack()), Ok(key.clone()), "N at {n}");
            assert_eq!(key.reveal().as_str().replace('-', "").as_bytes(), text, "N at {n}");
        }
    }

    #[test]
    fn a_nine_in_front_is_not_taken_for_an_n() {
        // Decoders that test `byte 14 / 6` instead of bit 3 damage these.
        let key = ProductKey::parse("9CCCC-CCCCC-CCCCC-CCCCC-CCCCC").unwrap();
        assert_eq!(key.form(), KeyForm::Pkey2005);
        assert_eq!(ProductKey::unpack(&key.pack()).unwrap().reveal().as_str(), "9CCCC-CCCCC-CCCCC-CCCCC-CCCCC");
    }

    #[test]
    fn typed_keys_may_be_lower_case_and_spaced_or_dashed_by_a_word_processor() {
        for text in [
            "w269n-wfgwx-yvc9b-4j6c9-t83gx",
            "W269NWFGWXYVC9B4J6C9T83GX",
            " W269N WFGWX YVC9B 4J6C9 T83GX\t",
            "W269N–WFGWX–YVC9B–4J6C9–T83GX",
        ] {
            let key = ProductKey::parse(text).unwrap();
            assert_eq!(key.partial().as_str(), "T83GX", "{text}");
        }
    }

    #[test]
    fn an_error_names_the_position_and_the_character() {
        let error = |text: &str| ProductKey::parse(text).unwrap_err().to_string();
        assert_eq!(error("W269N-WFGWX-YVC9B-4J6O9-T83GX"), "character 19 is 'O', which no product key contains");
        assert_eq!(
            error("W269N-WFGWX-YVC9-4J6C9-T83GX"),
            "a product key has 25 characters, here are 24 (group 3 has 4 instead of 5)"
        );
        assert_eq!(
            error("W269N-WFGWX-YVC9BB-4J6C9-T83GX"),
            "a product key has 25 characters, here are 26 (group 3 has 6 instead of 5)"
        );
        assert_eq!(error("W269N"), "a product key has 25 characters, here are 5");
        assert_eq!(error(""), "a product key has 25 characters, here are 0");
        assert_eq!(
            error("W269N-WFGWX-YNC9B-4J6C9-T83GX"),
            "the letter N stands at character 5 and again at 12; a product key has one at most"
        );
    }

    #[test]
    fn one_wrong_symbol_fails_the_checksum_and_nothing_is_suggested() {
        let key = ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GY").unwrap();
        assert_eq!(key.checksum_ok(), Some(false));
    }

    #[test]
    fn a_number_past_the_last_key_is_refused() {
        let classic = (24 * POW_24).to_le_bytes();
        assert_eq!(ProductKey::unpack(&classic), Err(KeyError::Range));
        let with_n = ((25 * POW_24) | N_FLAG).to_le_bytes();
        assert_eq!(ProductKey::unpack(&with_n), Err(KeyError::Range));
        assert!(ProductKey::unpack(&[0xFF; 16]).is_err());
        assert!(ProductKey::unpack(&[0; 16]).unwrap().is_blank());
    }

    #[test]
    fn nothing_prints_a_key_unasked() {
        let key = ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GX").unwrap();
        assert_eq!(format!("{key:?}"), "ProductKey(…T83GX)");
        assert_eq!(format!("{:?}", key.reveal()), "KeyText(…)");
        assert_eq!(key.partial().masked('*'), "*****-*****-*****-*****-T83GX");
    }

    proptest! {
        #[test]
        fn text_and_bytes_agree_for_every_well_formed_key(digits in prop::array::uniform25(0_usize..24), n in 0_usize..50) {
            let mut text = digits.map(|d| ALPHABET[d]);
            if let Some(symbol) = text.get_mut(n) {
                *symbol = b'N';
            }
            let key = ProductKey::parse_bytes(&text).unwrap();
            let unpacked = ProductKey::unpack(&key.pack()).unwrap();
            let symbols = unpacked.reveal().as_str().replace('-', "");
            prop_assert_eq!(symbols.as_bytes(), text);
        }

        #[test]
        fn any_sixteen_bytes_are_a_key_or_an_error(bytes: [u8; 16]) {
            if let Ok(key) = ProductKey::unpack(&bytes) {
                prop_assert_eq!(key.pack(), bytes);
                prop_assert_eq!(ProductKey::parse(key.reveal().as_str()), Ok(key));
            }
        }

        #[test]
        fn any_text_is_a_key_or_an_error(text in ".{0,60}") {
            let _ = ProductKey::parse(&text);
        }
    }
}
