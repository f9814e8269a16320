//! Activation by telephone: the number that Windows shows, and the number that Microsoft gives for it.
//!
//! The installation ID names the hardware and the product key; the confirmation ID answers it. Both are nobody's secret.
//! They are digits that people read out and type, so separators do not matter. Whether the digits belong together,
//! Windows alone says.
//!
//! Sources: Microsoft, "Activate Windows" and `SLDepositOfflineConfirmationId`; Windows shows the installation ID in nine
//! groups and takes the confirmation ID in eight boxes, A to H.

use std::fmt;

use thiserror::Error;

/// The installation ID: 63 digits, or 54 on Windows 7 and 8.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct InstallationId(String);

/// The confirmation ID: 48 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConfirmationId(String);

/// Why text is not such a number. Positions count the characters from 1.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum OfflineIdError {
    #[error("a confirmation ID has 48 digits in 8 groups of 6, here are {found}")]
    ConfirmationLength { found: usize },
    #[error("an installation ID has 54 or 63 digits in 9 groups, here are {found}")]
    InstallationLength { found: usize },
    #[error("character {position} is {found:?}, and only digits, spaces and dashes belong here")]
    Symbol { position: usize, found: char },
}

const INSTALLATION_GROUPS: usize = 9;
const INSTALLATION_LENGTHS: [usize; 2] = [54, 63];
const CONFIRMATION_GROUP: usize = 6;
const CONFIRMATION_LENGTH: usize = 48;
/// What stands above the boxes in which Windows takes the confirmation ID.
const BOXES: std::ops::RangeInclusive<char> = 'A'..='H';

impl InstallationId {
    /// Reads the number with or without spaces and dashes between its digits.
    ///
    /// # Errors
    ///
    /// [`OfflineIdError::Symbol`] or [`OfflineIdError::InstallationLength`].
    pub fn parse(text: &str) -> Result<Self, OfflineIdError> {
        let digits = digits(text)?;
        let found = digits.len();
        if INSTALLATION_LENGTHS.contains(&found) {
            Ok(Self(digits))
        } else {
            Err(OfflineIdError::InstallationLength { found })
        }
    }

    /// The nine groups of six or seven digits, as Windows shows them.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        groups(&self.0, self.0.len() / INSTALLATION_GROUPS)
    }

    /// All digits without a separator, as the license service gives and takes them.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl ConfirmationId {
    /// Reads the number with or without spaces and dashes between its digits.
    ///
    /// # Errors
    ///
    /// [`OfflineIdError::Symbol`] or [`OfflineIdError::ConfirmationLength`].
    pub fn parse(text: &str) -> Result<Self, OfflineIdError> {
        let digits = digits(text)?;
        let found = digits.len();
        if found == CONFIRMATION_LENGTH { Ok(Self(digits)) } else { Err(OfflineIdError::ConfirmationLength { found }) }
    }

    /// The eight groups of six digits, each with the letter, A to H, above its box.
    pub fn groups(&self) -> impl Iterator<Item = (char, &str)> {
        BOXES.zip(groups(&self.0, CONFIRMATION_GROUP))
    }

    /// All 48 digits without a separator, as the license service takes them.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstallationId {
    /// The groups with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.groups().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for ConfirmationId {
    /// The groups with a dash between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.groups().map(|(_, digits)| digits).collect::<Vec<_>>().join("-"))
    }
}

impl fmt::Debug for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstallationId({self})")
    }
}

impl fmt::Debug for ConfirmationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfirmationId({self})")
    }
}

/// The digits of a text in which nothing but separators stands between them.
fn digits(text: &str) -> Result<String, OfflineIdError> {
    let mut digits = String::new();
    for (position, found) in (1..).zip(text.chars()) {
        match found {
            '0'..='9' => digits.push(found),
            '-' | '\u{2010}'..='\u{2015}' => {}
            _ if found.is_whitespace() => {}
            _ => return Err(OfflineIdError::Symbol { position, found }),
        }
    }
    Ok(digits)
}

fn groups(digits: &str, len: usize) -> impl Iterator<Item = &str> {
    (0..digits.len()).step_by(len).filter_map(move |start| digits.get(start..start + len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Digits that count up, so that a lost or doubled one shows.
    fn counted(len: usize) -> String {
        (0..len).map(|i| char::from(b'0' + (i % 10) as u8)).collect()
    }

    #[test]
    fn both_lengths_of_an_installation_id_have_nine_groups() {
        for (len, group, first) in [(54, 6, "012345"), (63, 7, "0123456")] {
            let id = InstallationId::parse(&counted(len)).unwrap();
            let groups: Vec<&str> = id.groups().collect();
            assert_eq!((groups.len(), groups[0]), (9, first));
            assert!(groups.iter().all(|digits| digits.len() == group));
            assert_eq!((groups.concat(), id.text()), (counted(len), counted(len).as_str()));
        }
    }

    #[test]
    fn a_confirmation_id_has_eight_groups_with_the_letters_of_their_boxes() {
        let id = ConfirmationId::parse(" 012345-678901 234567–890123\n456789 012345 678901 234567").unwrap();
        let groups: Vec<(char, &str)> = id.groups().collect();
        assert_eq!((groups.len(), groups[0], groups[7]), (8, ('A', "012345"), ('H', "234567")));
        assert_eq!(id.text(), counted(48));
        assert_eq!(id.to_string(), "012345-678901-234567-890123-456789-012345-678901-234567");
    }

    #[test]
    fn an_error_counts_the_digits_or_names_the_character() {
        let error = |text: &str| ConfirmationId::parse(text).unwrap_err().to_string();
        assert_eq!(error(&counted(47)), "a confirmation ID has 48 digits in 8 groups of 6, here are 47");
        assert_eq!(error(""), "a confirmation ID has 48 digits in 8 groups of 6, here are 0");
        assert_eq!(error("01234O"), "character 6 is 'O', and only digits, spaces and dashes belong here");
        let error = InstallationId::parse(&counted(60)).unwrap_err().to_string();
        assert_eq!(error, "an installation ID has 54 or 63 digits in 9 groups, here are 60");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(digits in "[0-9]{48}", longer in "[0-9]{54}|[0-9]{63}") {
            let id = ConfirmationId::parse(&digits).unwrap();
            prop_assert_eq!(ConfirmationId::parse(&id.to_string()), Ok(id));
            let id = InstallationId::parse(&longer).unwrap();
            prop_assert_eq!(InstallationId::parse(&id.to_string()), Ok(id));
        }

        #[test]
        fn any_text_is_a_number_or_an_error(text in ".{0,80}") {
            let _ = (InstallationId::parse(&text), ConfirmationId::parse(&text));
        }
    }
}
