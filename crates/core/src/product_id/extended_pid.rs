//! The extended PID: `03612-03308-000-000000-00-1033-26100.0000-1182025`. Version 4 of the value and WMI's
//! `ProductKeyID` hold it.

use std::fmt;

use jiff::civil::Date;

use super::text::{Cursor, PidError};

/// The extended (or advanced) PID of one installation: `MMMMM-GGGGG-SSS-SSSSSS-LL-LCID-BUILD.0000-DDDYYYY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtendedPid {
    /// The Microsoft product code, 5 digits. It does not name the edition: Setup writes 0, Windows 7 wrote 00426 and
    /// 55041, Windows 10 and 11 write 03612 or still 55041.
    pub mpc: u32,
    /// The last five decimal digits of the group ID: 100054 is written `00054`. The whole group stands in version 3
    /// of the value and, where it has the 2009 form, in the product key.
    pub group_low: u32,
    /// The serial inside the group, 9 digits.
    pub serial: u32,
    /// How the license was bought, roughly.
    pub license: LicenseKind,
    /// The language of the installation as a Windows locale number: 1033 is English (United States).
    pub lcid: u32,
    /// The build of Windows that installed the product key.
    pub build: u32,
    /// The four digits after the build; 0 in every real text seen.
    pub revision: u16,
    /// The day of the year on which the product key was installed, from 1.
    pub day: u16,
    /// The year of that day.
    pub year: u16,
}

/// How a license was bought, roughly; the channel says it in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LicenseKind {
    /// 0: bought separately.
    Retail,
    /// 2: came with the PC.
    Oem,
    /// 3: belongs to an organization.
    Volume,
    /// Any other number. None was ever seen, and its meaning is unknown.
    Other(u32),
}

impl ExtendedPid {
    /// Reads the text. Space around it is ignored. A full stop before the license digits is taken for a dash, since
    /// one published text has it.
    ///
    /// # Errors
    ///
    /// [`PidError::Unexpected`] names the first character that does not fit. A day that its year does not have is not
    /// an error; see [`date`](Self::date).
    ///
    /// Source: unpublished; 19 real texts, 7 of 7 agree with the product key beside them.
    pub fn parse(text: &str) -> Result<Self, PidError> {
        let mut cursor = Cursor::new(text);
        let mpc = cursor.number(5, 5)?;
        cursor.dash()?;
        let group_low = cursor.number(5, 5)?;
        cursor.dash()?;
        let thousands = cursor.number(3, 3)?;
        cursor.dash()?;
        let serial = thousands * 1_000_000 + cursor.number(6, 6)?;
        if cursor.peek() == Some(b'.') { cursor.fixed(b'.', "a dash") } else { cursor.dash() }?;
        let license = LicenseKind::from_raw(cursor.number(2, 2)?);
        cursor.dash()?;
        let lcid = cursor.number(4, 5)?;
        cursor.dash()?;
        let build = cursor.number(1, 9)?;
        cursor.fixed(b'.', "a full stop")?;
        let revision = cursor.number(4, 4)? as u16;
        cursor.dash()?;
        let day = cursor.number(3, 3)? as u16;
        let year = cursor.number(4, 4)? as u16;
        cursor.end()?;
        Ok(Self { mpc, group_low, serial, license, lcid, build, revision, day, year })
    }

    /// The day on which the product key was installed; `None` when the year has no such day.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        let new_year = Date::new(i16::try_from(self.year).ok()?, 1, 1).ok()?;
        new_year.with().day_of_year(i16::try_from(self.day).ok()?).build().ok()
    }

    /// Whether the text can belong to this group, of which it keeps five digits.
    #[must_use]
    pub fn agrees_with_group(&self, group: u32) -> bool {
        group % 100_000 == self.group_low
    }
}

impl LicenseKind {
    /// Takes the number as stored.
    #[must_use]
    pub fn from_raw(raw: u32) -> Self {
        match raw {
            0 => Self::Retail,
            2 => Self::Oem,
            3 => Self::Volume,
            other => Self::Other(other),
        }
    }

    /// The number as stored; [`from_raw`](Self::from_raw) reads it.
    #[must_use]
    pub fn raw(self) -> u32 {
        match self {
            Self::Retail => 0,
            Self::Oem => 2,
            Self::Volume => 3,
            Self::Other(other) => other,
        }
    }
}

impl fmt::Display for ExtendedPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}-{:05}-", self.mpc, self.group_low)?;
        write!(f, "{:03}-{:06}-{:02}-", self.serial / 1_000_000, self.serial % 1_000_000, self.license.raw())?;
        write!(f, "{:04}-{}.{:04}-{:03}{:04}", self.lcid, self.build, self.revision, self.day, self.year)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PUBLISHED: &str = "03612-03308-000-000000-00-1033-26100.0000-1182025";

    #[test]
    fn every_part_is_a_number() {
        let pid = ExtendedPid::parse(PUBLISHED).unwrap();
        assert_eq!((pid.mpc, pid.group_low, pid.serial, pid.license), (3612, 3308, 0, LicenseKind::Retail));
        assert_eq!((pid.lcid, pid.build, pid.revision), (1033, 26100, 0));
        assert_eq!(pid.date().unwrap().to_string(), "2025-04-28");
        assert_eq!(pid.to_string(), PUBLISHED);
    }

    #[test]
    fn a_group_of_six_digits_is_known_by_its_last_five() {
        let pid = ExtendedPid::parse("03612-00054-001-000024-03-1033-26100.0000-1182025").unwrap();
        assert_eq!((pid.serial, pid.license), (1_000_024, LicenseKind::Volume));
        assert!(pid.agrees_with_group(100_054) && pid.agrees_with_group(54));
        assert!(!pid.agrees_with_group(100_055));
    }

    #[test]
    fn a_full_stop_before_the_license_digits_is_read_and_written_as_a_dash() {
        let pid = ExtendedPid::parse("03612-03308-000-000000.00-1033-26100.0000-1182025").unwrap();
        assert_eq!(pid.to_string(), PUBLISHED);
    }

    #[test]
    fn a_day_that_the_year_lacks_keeps_the_rest_readable() {
        let date = |day| ExtendedPid { day, year: 2023, ..ExtendedPid::parse(PUBLISHED).unwrap() }.date();
        assert_eq!(date(366), None);
        assert_eq!(date(0), None);
        assert_eq!(date(365).unwrap().to_string(), "2023-12-31");
    }

    #[test]
    fn an_error_names_the_first_wrong_character() {
        let error = |text: &str| ExtendedPid::parse(text).unwrap_err().to_string();
        assert_eq!(error("03612-03308"), "character 12 should be a dash, here is the end of the text");
        assert_eq!(
            error("03612-03308-000-000000-00-103-26100.0000-1182025"),
            "character 30 should be a digit, here is '-'"
        );
        assert_eq!(error(&format!("{PUBLISHED}5")), "character 50 should be the end, here is '5'");
    }

    proptest! {
        #[test]
        fn every_well_formed_text_survives_the_round_trip(
            text in "[0-9]{5}-[0-9]{5}-[0-9]{3}-[0-9]{6}-[0-9]{2}-[1-9][0-9]{3,4}-[1-9][0-9]{0,8}\\.[0-9]{4}-[0-9]{7}"
        ) {
            let pid = ExtendedPid::parse(&text).unwrap();
            prop_assert_eq!(pid.to_string(), text);
            let _ = pid.date();
        }

        #[test]
        fn any_text_is_an_extended_pid_or_an_error(text in "[-.0-9Ö]{0,60}") {
            let _ = ExtendedPid::parse(&text);
        }
    }
}
