//! How a license stands, as Windows numbers it.
//!
//! Source: Microsoft, "SoftwareLicensingProduct class", `LicenseStatus`.

use std::fmt;

/// `LicenseStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LicenseStatus {
    /// 0: no license is in force.
    Unlicensed,
    /// 1: activated.
    Licensed,
    /// 2: new, with some days left to activate.
    OutOfBoxGrace,
    /// 3: the hardware changed, or an organization's server was not seen for long.
    OutOfToleranceGrace,
    /// 4: found not genuine, with some days left.
    NonGenuineGrace,
    /// 5: not activated, and Windows reminds of it.
    Notification,
    /// 6: the days to activate were extended.
    ExtendedGrace,
}

/// In the order of Windows' numbers: name in the machine interface, plain words.
const STATUSES: [(LicenseStatus, &str, &str); 7] = [
    (LicenseStatus::Unlicensed, "unlicensed", "not activated"),
    (LicenseStatus::Licensed, "licensed", "activated"),
    (LicenseStatus::OutOfBoxGrace, "out-of-box-grace", "not activated yet, in its first days"),
    (LicenseStatus::OutOfToleranceGrace, "out-of-tolerance-grace", "must be activated again: the hardware changed"),
    (LicenseStatus::NonGenuineGrace, "non-genuine-grace", "found not genuine"),
    (LicenseStatus::Notification, "notification", "not activated, and Windows reminds of it"),
    (LicenseStatus::ExtendedGrace, "extended-grace", "not activated yet, with more days than usual"),
];

impl LicenseStatus {
    /// The status of Windows' number.
    #[must_use]
    pub fn from_raw(raw: u32) -> Option<Self> {
        STATUSES.get(usize::try_from(raw).ok()?).map(|(status, ..)| *status)
    }

    /// The name in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// Plain words.
    #[must_use]
    pub fn plain(self) -> &'static str {
        self.row().2
    }

    /// Whether Windows is activated.
    #[must_use]
    pub fn is_licensed(self) -> bool {
        self == Self::Licensed
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        // Every status has its row; the test walks them all.
        STATUSES.iter().copied().find(|(status, ..)| *status == self).unwrap_or((self, "", ""))
    }
}

impl fmt::Display for LicenseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.plain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_numbers_the_statuses_from_0_to_6() {
        let names: Vec<_> = (0..8).map(|raw| LicenseStatus::from_raw(raw).map(LicenseStatus::as_str)).collect();
        assert_eq!(names[1], Some("licensed"));
        assert_eq!(names[5], Some("notification"));
        assert_eq!(names[7], None);
        assert!(names.iter().take(7).flatten().all(|name| !name.is_empty()));
    }
}
