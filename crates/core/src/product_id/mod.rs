//! Product IDs and the `DigitalProductId` values that carry them.
//!
//! Input is the data of a registry value or the text of a Product ID; output is what Windows wrote down about one
//! installation: the product key (or why there is none), group, serial, part number, edition, channel, and which of
//! the value's own checks hold. Nothing here knows which product a group stands for: `identify` does.
//!
//! | where | what | read by |
//! |---|---|---|
//! | `DigitalProductId`, 164 bytes | version 3, Windows 98 to 11, Office up to 2007 | [`DigitalProductId::parse`] |
//! | `DigitalProductId4`, Office 2010's `DigitalProductID`, 1272 bytes | version 4 | [`DigitalProductId::parse`] |
//! | SQL Server 2012 and later, 16 bytes | the packed product key alone | [`KeyState::parse_bare`] |
//! | `ProductId` | text that people see | [`ProductId::parse`] |
//! | inside version 4; WMI's `ProductKeyID` | text that people seldom see | [`ExtendedPid::parse`] |
//!
//! Source: unpublished; 17 real values of version 3 and 19 of version 4 agree (`docs/formats.md`, section 1).

mod extended_pid;
pub(crate) mod fields;
mod text;
mod v3;
mod v4;
mod value;

pub use extended_pid::{ExtendedPid, LicenseKind};
pub use text::{ModernId, OlderId, OlderOemId, PidError, ProductId};
pub use v3::{DigitalProductId3, HardwareId};
pub use v4::{DigitalProductId4, KeyHash};
pub use value::{Check, CheckName, DigitalProductId, DigitalProductIdError, KeyState, Outcome};
