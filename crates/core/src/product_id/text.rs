//! The Product ID as people see it: `00330-80000-00000-AA965`. It is not a product key and not a secret.

use std::fmt;

use thiserror::Error;

/// The Product ID of one installation, in the form of its time.
///
/// All three forms have 23 characters and dashes after the 5th and the 17th. The remaining dash tells them apart for
/// certain: the modern form has it at the 12th character, where the older ones have a digit; the older ones have it
/// at the 10th, where the modern one has a digit. `OEM` in the second group tells the two older forms apart. Nothing
/// else decides, least of all the Windows version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProductId {
    /// `GGGGG-GSSSS-SSSSS-AAxxx`: Windows 8 and later, Office 2013 and later.
    Modern(ModernId),
    /// `MMMMM-CCC-NNNNNNX-DDRRR`: up to Windows 7 and Office 2010.
    Older(OlderId),
    /// `MMMMM-OEM-DDNNNNX-NNNNN`: up to Windows 7, for a product key of a PC maker.
    OlderOem(OlderOemId),
}

/// The modern form. Its first 15 digits are the group and serial that the product key itself holds, so edition and
/// channel can be found from it even where the product key was cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModernId {
    /// The group ID, 6 decimal digits.
    pub group: u32,
    /// The serial inside the group, 9 decimal digits.
    pub serial: u32,
    /// The three digits after `AA`, which differ with each installation; `None` for `AAOEM`.
    pub installation: Option<u16>,
}

/// The older form of everything but PC makers' product keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OlderId {
    /// The Microsoft product code, 5 digits. It does not name the edition.
    pub mpc: u32,
    /// The channel number, 3 digits: the serial divided by 1,000,000. 640 and 652 are volume product keys of
    /// Windows XP.
    pub channel: u16,
    /// The rest of the serial, 6 digits.
    pub sequence: u32,
    /// The check digit as written; see [`ProductId::check_digit_ok`].
    pub check_digit: u8,
    /// Twice the two digits `DD`: the group ID, rounded down to an even number.
    pub group_even: u32,
    /// The three digits that differ with each installation.
    pub installation: u16,
}

/// The older form of a PC maker's product key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OlderOemId {
    /// The Microsoft product code, 5 digits. It does not name the edition.
    pub mpc: u32,
    /// Twice the first two digits of the third group: the group ID, rounded down to an even number, as far as the one
    /// real Windows 7 value shows. `None` for `00`, which Windows 98 wrote whatever the group.
    pub group_even: Option<u32>,
    /// The 9-digit raw ID, split in the text by the check digit.
    pub raw: u32,
    /// The check digit as written; see [`ProductId::check_digit_ok`].
    pub check_digit: u8,
}

/// Why a text is not a Product ID or an extended PID. Positions count characters from 1.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PidError {
    #[error("character {position} should be {needed}, here is {}", found_text(.found))]
    Unexpected { position: usize, needed: &'static str, found: Option<char> },
}

impl ProductId {
    /// What Wine and Proton write as the `ProductId` of every prefix.
    pub const WINE: &str = "12345-oem-0000001-54321";

    /// Reads one of the three forms, in either case. Space around it is ignored.
    ///
    /// A wrong check digit is not an error here; see [`check_digit_ok`](Self::check_digit_ok).
    ///
    /// # Errors
    ///
    /// [`PidError::Unexpected`] names the first character that fits no form.
    ///
    /// Source: unpublished. Modern: 8 of 8 real texts, 7 of 7 agree with the product key. Older: check digit 9 of 9,
    /// group 7 of 7. OEM: 2 of Windows 98, 1 of Windows 7.
    pub fn parse(text: &str) -> Result<Self, PidError> {
        let mut cursor = Cursor::new(text);
        let id = match cursor.text.get(9) {
            Some(b'-') => cursor.older(),
            _ => cursor.modern().map(Self::Modern),
        }?;
        cursor.end()?;
        Ok(id)
    }

    /// Whether the check digit is right: the digits of the third group add up to a multiple of 7 and the check digit
    /// is 1 to 7. `None` for the modern form, which has none.
    #[must_use]
    pub fn check_digit_ok(&self) -> Option<bool> {
        let (digits, check_digit) = match self {
            Self::Modern(_) => return None,
            Self::Older(id) => (id.sequence, id.check_digit),
            Self::OlderOem(id) => (id.group_even.unwrap_or(0) / 2 * 10_000 + id.raw / 100_000, id.check_digit),
        };
        let sum = digit_sum(digits) + u32::from(check_digit);
        Some((1..=7).contains(&check_digit) && sum.is_multiple_of(7))
    }

    /// Whether it says that a PC maker's product key is installed.
    #[must_use]
    pub fn is_oem(&self) -> bool {
        match self {
            Self::Modern(id) => id.installation.is_none(),
            Self::Older(_) => false,
            Self::OlderOem(_) => true,
        }
    }

    /// Whether the text can belong to this group. An older form knows the group only to the even number below, and
    /// some do not know it at all: `None`.
    #[must_use]
    pub fn agrees_with_group(&self, group: u32) -> Option<bool> {
        match self {
            Self::Modern(id) => Some(id.group == group),
            Self::Older(id) => Some(id.group_even == group & !1),
            Self::OlderOem(id) => id.group_even.map(|even| even == group & !1),
        }
    }
}

impl OlderId {
    /// Channel and sequence as one number, 9 digits: the serial of the product key.
    #[must_use]
    pub fn serial(&self) -> u32 {
        u32::from(self.channel) * 1_000_000 + self.sequence
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Modern(id) => {
                let (group, serial) = (id.group, id.serial);
                write!(f, "{:05}-{}{:04}-{:05}-AA", group / 10, group % 10, serial / 100_000, serial % 100_000)?;
                match id.installation {
                    Some(digits) => write!(f, "{digits:03}"),
                    None => f.write_str("OEM"),
                }
            }
            Self::Older(id) => {
                write!(f, "{:05}-{:03}-{:06}{}-", id.mpc, id.channel, id.sequence, id.check_digit)?;
                write!(f, "{:02}{:03}", id.group_even / 2, id.installation)
            }
            Self::OlderOem(id) => {
                let half = id.group_even.unwrap_or(0) / 2;
                write!(f, "{:05}-OEM-{half:02}{:04}{}-", id.mpc, id.raw / 100_000, id.check_digit)?;
                write!(f, "{:05}", id.raw % 100_000)
            }
        }
    }
}

/// Reads a text of digits and fixed characters from left to right.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text: text.trim().as_bytes(), at: 0 }
    }

    /// A decimal number of `least` to `most` digits, 9 at most.
    pub(super) fn number(&mut self, least: usize, most: usize) -> Result<u32, PidError> {
        let mut number = 0;
        for count in 0..most {
            match self.text.get(self.at) {
                Some(digit @ b'0'..=b'9') => number = number * 10 + u32::from(digit - b'0'),
                _ if count >= least => break,
                _ => return Err(self.unexpected("a digit")),
            }
            self.at += 1;
        }
        Ok(number)
    }

    /// One fixed character.
    pub(super) fn fixed(&mut self, wanted: u8, needed: &'static str) -> Result<(), PidError> {
        match self.text.get(self.at) {
            Some(byte) if byte.eq_ignore_ascii_case(&wanted) => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.unexpected(needed)),
        }
    }

    pub(super) fn dash(&mut self) -> Result<(), PidError> {
        self.fixed(b'-', "a dash")
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn end(&self) -> Result<(), PidError> {
        if self.at == self.text.len() { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    fn unexpected(&self, needed: &'static str) -> PidError {
        // Everything before is ASCII, so bytes count characters.
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = String::from_utf8_lossy(rest.get(..4).unwrap_or(rest)).chars().next();
        PidError::Unexpected { position: self.at + 1, needed, found }
    }

    fn modern(&mut self) -> Result<ModernId, PidError> {
        let group = self.number(5, 5)?;
        self.dash()?;
        let group = group * 10 + self.number(1, 1)?;
        let serial = self.number(4, 4)?;
        self.dash()?;
        let serial = serial * 100_000 + self.number(5, 5)?;
        self.dash()?;
        self.fixed(b'A', "the letter A")?;
        self.fixed(b'A', "the letter A")?;
        let installation = if self.peek().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'O')) {
            self.oem()?;
            None
        } else {
            Some(self.number(3, 3)? as u16)
        };
        Ok(ModernId { group, serial, installation })
    }

    fn older(&mut self) -> Result<ProductId, PidError> {
        let mpc = self.number(5, 5)?;
        self.dash()?;
        if self.peek().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'O')) {
            self.oem()?;
            self.dash()?;
            return self.older_oem(mpc).map(ProductId::OlderOem);
        }
        let channel = self.number(3, 3)? as u16;
        self.dash()?;
        let sequence = self.number(6, 6)?;
        let check_digit = self.number(1, 1)? as u8;
        self.dash()?;
        let group_even = self.number(2, 2)? * 2;
        let installation = self.number(3, 3)? as u16;
        Ok(ProductId::Older(OlderId { mpc, channel, sequence, check_digit, group_even, installation }))
    }

    fn older_oem(&mut self, mpc: u32) -> Result<OlderOemId, PidError> {
        let half = self.number(2, 2)?;
        let raw = self.number(4, 4)?;
        let check_digit = self.number(1, 1)? as u8;
        self.dash()?;
        let raw = raw * 100_000 + self.number(5, 5)?;
        Ok(OlderOemId { mpc, group_even: (half != 0).then_some(half * 2), raw, check_digit })
    }

    fn oem(&mut self) -> Result<(), PidError> {
        b"OEM".iter().try_for_each(|letter| self.fixed(*letter, "OEM or a number"))
    }
}

fn digit_sum(mut number: u32) -> u32 {
    let mut sum = 0;
    while number > 0 {
        sum += number % 10;
        number /= 10;
    }
    sum
}

fn found_text(found: &Option<char>) -> String {
    found.map_or_else(|| "the end of the text".to_owned(), |found| format!("{found:?}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_modern_form_shows_group_and_serial() {
        let parse = |text| match ProductId::parse(text) {
            Ok(ProductId::Modern(id)) => (id.group, id.serial, id.installation),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(parse("00330-80000-00000-AA965"), (3308, 0, Some(965)));
        assert_eq!(parse("10005-40010-00024-AA427"), (100_054, 1_000_024, Some(427)));
        assert_eq!(parse(" 00436-40000-00000-aaoem\n"), (4364, 0, None));
    }

    #[test]
    fn the_older_form_shows_channel_and_half_the_group() {
        let id = ProductId::parse("55041-123-4567894-86624").unwrap();
        let ProductId::Older(older) = id else { panic!("{id:?}") };
        assert_eq!((older.mpc, older.channel, older.sequence), (55041, 123, 456_789));
        assert_eq!((older.group_even, older.installation, older.serial()), (172, 624, 123_456_789));
        assert_eq!(id.check_digit_ok(), Some(false));
        assert_eq!((id.agrees_with_group(173), id.agrees_with_group(174)), (Some(true), Some(false)));
    }

    #[test]
    fn the_check_digit_fills_the_sum_to_a_multiple_of_seven_and_is_never_zero() {
        let ok = |text: &str| ProductId::parse(text).unwrap().check_digit_ok();
        assert_eq!(ok("55041-123-1234567-86624"), Some(true));
        assert_eq!(ok("55041-123-1234565-86624"), Some(false));
        assert_eq!(ok("00000-000-0000000-00000"), Some(false));
        assert_eq!(ok("00000-000-0000007-00000"), Some(true));
        assert_eq!(ok("00000-000-5000009-00000"), Some(false));
        assert_eq!(ok("00371-OEM-8900024-00437"), Some(false));
        assert_eq!(ok("00371-OEM-8900014-00437"), Some(false));
        assert_eq!(ok("00371-OEM-8900044-00437"), Some(false));
        assert_eq!(ok("00371-OEM-8900074-00437"), Some(true));
        assert_eq!(ok("00330-80000-00000-AA965"), None);
    }

    #[test]
    fn the_oem_form_joins_its_raw_id_around_the_check_digit() {
        let id = ProductId::parse("12345-OEM-0067892-54321").unwrap();
        let ProductId::OlderOem(oem) = id else { panic!("{id:?}") };
        assert_eq!((oem.mpc, oem.raw, oem.check_digit, oem.group_even), (12345, 678_954_321, 2, None));
        assert!(id.is_oem());
        assert_eq!(id.agrees_with_group(46), None, "00 says nothing about the group");
        let id = ProductId::parse("00371-OEM-8900074-00437").unwrap();
        assert_eq!(id.agrees_with_group(178), Some(true));
    }

    #[test]
    fn the_wine_text_is_of_the_oem_form_and_fails_its_check_digit() {
        let id = ProductId::parse(ProductId::WINE).unwrap();
        assert_eq!(id.check_digit_ok(), Some(false));
        assert_eq!(id.to_string(), ProductId::WINE.to_uppercase());
    }

    #[test]
    fn an_error_names_the_first_wrong_character() {
        let error = |text: &str| ProductId::parse(text).unwrap_err().to_string();
        assert_eq!(error("00330-8000O-00000-AA965"), "character 11 should be a digit, here is 'O'");
        assert_eq!(error("00330-80000-00000-AB965"), "character 20 should be the letter A, here is 'B'");
        assert_eq!(error("00330-80000"), "character 12 should be a dash, here is the end of the text");
        assert_eq!(error("00330-80000-00000-AA9654"), "character 24 should be the end, here is '4'");
        assert_eq!(error("55041-ÖEM-4567894-86624"), "character 7 should be a digit, here is 'Ö'");
        assert_eq!(error("55041-12--4567894-86624"), "character 9 should be a digit, here is '-'");
        assert_eq!(error("55041-OEX-4567894-86624"), "character 9 should be OEM or a number, here is 'X'");
        assert_eq!(error(""), "character 1 should be a digit, here is the end of the text");
    }

    proptest! {
        #[test]
        fn every_well_formed_text_survives_the_round_trip(
            text in "[0-9]{5}-([0-9]{5}-[0-9]{5}-AA(OEM|[0-9]{3})|[0-9]{3}-[0-9]{7}-[0-9]{5}|OEM-[0-9]{7}-[0-9]{5})"
        ) {
            prop_assert_eq!(ProductId::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn any_text_is_a_product_id_or_an_error(text in "[-0-9AOEMÖ]{0,26}") {
            let _ = ProductId::parse(&text).map(|id| id.check_digit_ok());
        }
    }
}
