//! The SLIC firmware table: the mark of a PC that was sold with Windows Vista or 7. It holds no product key.

use thiserror::Error;

use super::header::{self, HeaderError, TableHeader, padded_at};
use super::is_unused;
use crate::product_id::fields::{array_at, u32_at};

pub(super) const SIGNATURE: &[u8; 4] = b"SLIC";
const PUBLIC_KEY: u32 = 0;
const PUBLIC_KEY_LEN: usize = 0x9C;
const MARKER: u32 = 1;
const MARKER_LEN: usize = 0xB6;

/// One SLIC table, usually 374 bytes. Numbers are little-endian.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0x00 | 36 | header |
/// | 0x24 | 4, 4 | type 0 (public key), length 0x9C |
/// | 0x2C | 1, 1, 2 | key type 6, version 2, reserved |
/// | 0x30 | 4, 4, 4, 4 | algorithm 0x2400, `RSA1`, 1024 bits, exponent |
/// | 0x40 | 128 | modulus |
/// | 0xC0 | 4, 4 | type 1 (marker), length 0xB6 |
/// | 0xC8 | 4 | marker version |
/// | 0xCC | 6, 8 | OEM ID, OEM table ID |
/// | 0xDA | 8 | `WINDOWS ` |
/// | 0xE2 | 4 | SLIC version |
/// | 0xE6 | 16 | reserved |
/// | 0xF6 | 128 | signature |
///
/// The two parts are found by their types, in whichever order they stand. The signature is not verified: what matters
/// here is what the PC was sold with, and that is a hint, never a proof.
///
/// Source: Microsoft, "Microsoft Software Licensing Tables (SLIC and MSDM)"; 185 real tables, 172 of them whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slic {
    /// The header.
    pub header: TableHeader,
    /// What follows it.
    pub content: SlicContent,
}

/// What follows the header of a SLIC table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlicContent {
    /// Only bytes 0xFF and zero: the table was never filled in. 11 of 185 real tables are so.
    Unused,
    /// Nothing: the table ends after its header.
    HeaderOnly,
    /// The parts of a table.
    Parts {
        /// Whether the public key is there and looks like one: type 6, `RSA1`, length 0x9C.
        public_key: bool,
        /// The marker, unless it is missing.
        marker: Option<SlicMarker>,
    },
}

/// The marker: who sold the PC, and with which Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlicMarker {
    /// The marker version: 0x20000 in most tables, 0x2000 in some.
    pub version: u32,
    /// The maker of the PC.
    pub oem_id: String,
    /// The maker's name for the table.
    pub oem_table_id: String,
    /// Whether both equal those of the header byte for byte, as in 9 of 10 real tables. Windows wants it so.
    pub agrees_with_header: bool,
    /// Whether the eight letters `WINDOWS ` are there.
    pub windows_flag: bool,
    /// The SLIC version.
    pub slic_version: SlicVersion,
}

/// The SLIC version, as stored: 0x20001 is 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlicVersion(u32);

/// The generation of Windows that a SLIC version stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SoldWith {
    /// Windows Vista, or the Server of its time.
    WindowsVista,
    /// Windows 7, or the Server of its time.
    Windows7,
}

/// Why bytes are not a SLIC table.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SlicError {
    #[error("the part at {offset:#x} needs {needed} bytes, the table has {left} left")]
    Cut { offset: usize, needed: usize, left: usize },
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the part at {offset:#x} says that it has {found} bytes; its type and length alone need 8")]
    PartLength { offset: usize, found: usize },
}

impl Slic {
    /// Reads one whole table. A wrong table checksum is no error; see [`TableHeader::checksum_ok`].
    ///
    /// # Errors
    ///
    /// [`SlicError::Header`] when this is not one whole SLIC table, [`SlicError::Cut`] and [`SlicError::PartLength`]
    /// when its parts do not fit it.
    pub fn parse(bytes: &[u8]) -> Result<Self, SlicError> {
        let (header, payload) = TableHeader::parse_as(bytes, *SIGNATURE)?;
        let content = if payload.is_empty() {
            SlicContent::HeaderOnly
        } else if is_unused(payload) {
            SlicContent::Unused
        } else {
            read_parts(bytes, payload)?
        };
        Ok(Self { header, content })
    }

    /// The marker, if there is one.
    #[must_use]
    pub fn marker(&self) -> Option<&SlicMarker> {
        if let SlicContent::Parts { marker, .. } = &self.content { marker.as_ref() } else { None }
    }

    /// Whether nothing is missing or out of place: right checksum, public key, and a marker with its `WINDOWS ` that
    /// agrees with the header.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        let public_key = matches!(self.content, SlicContent::Parts { public_key: true, .. });
        let marker = self.marker().is_some_and(|marker| marker.windows_flag && marker.agrees_with_header);
        self.header.checksum_ok && public_key && marker
    }
}

impl SlicVersion {
    /// The number before the point.
    #[must_use]
    pub fn major(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The number after the point.
    #[must_use]
    pub fn minor(self) -> u16 {
        self.0 as u16
    }

    /// What the version stands for; `None` where no source says it for certain: 2.2 and 2.3 are later Servers, and 0
    /// was seen in 8 tables.
    #[must_use]
    pub fn sold_with(self) -> Option<SoldWith> {
        match (self.major(), self.minor()) {
            (2, 0) => Some(SoldWith::WindowsVista),
            (2, 1) => Some(SoldWith::Windows7),
            _ => None,
        }
    }
}

impl std::fmt::Display for SlicVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major(), self.minor())
    }
}

/// Walks the parts; each takes 8 bytes at least, so the walk ends. Fewer than 8 bytes at the end are padding.
fn read_parts(table: &[u8], payload: &[u8]) -> Result<SlicContent, SlicError> {
    let (mut public_key, mut marker) = (false, None);
    let mut rest = payload;
    while let (Some(kind), Some(length)) = (u32_at(rest, 0), u32_at(rest, 4)) {
        let offset = header::LEN + payload.len() - rest.len();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < 8 {
            return Err(SlicError::PartLength { offset, found: length });
        }
        let cut = SlicError::Cut { offset, needed: length, left: rest.len() };
        let (part, after) = rest.split_at_checked(length).ok_or(cut)?;
        match kind {
            PUBLIC_KEY => public_key |= is_public_key(part),
            MARKER if part.len() >= MARKER_LEN => marker = marker.or_else(|| read_marker(table, part)),
            _ => {}
        }
        rest = after;
    }
    Ok(SlicContent::Parts { public_key, marker })
}

fn is_public_key(part: &[u8]) -> bool {
    part.len() == PUBLIC_KEY_LEN && part.get(8) == Some(&6) && array_at(part, 0x10) == Some(*b"RSA1")
}

fn read_marker(table: &[u8], part: &[u8]) -> Option<SlicMarker> {
    Some(SlicMarker {
        version: u32_at(part, 0x08)?,
        oem_id: padded_at(part, 0x0C, 6),
        oem_table_id: padded_at(part, 0x12, 8),
        agrees_with_header: part.get(0x0C..0x1A)? == table.get(10..24)?,
        windows_flag: array_at(part, 0x1A)? == *b"WINDOWS ",
        slic_version: SlicVersion(u32_at(part, 0x22)?),
    })
}

#[cfg(test)]
mod tests {
    use keystow_makers::acpi::{self, Ids, SlicTable};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_whole_table_says_who_sold_the_pc_and_with_which_windows() {
        let bytes = SlicTable::default().make();
        assert_eq!(bytes.len(), 374);
        let table = Slic::parse(&bytes).unwrap();
        let marker = table.marker().unwrap();
        assert_eq!((marker.oem_id.as_str(), marker.oem_table_id.as_str()), ("KEYSTW", "NOTEBOOK"));
        assert_eq!((marker.version, marker.slic_version.to_string().as_str()), (0x20000, "2.1"));
        assert_eq!(marker.slic_version.sold_with(), Some(SoldWith::Windows7));
        assert!(table.is_intact());
    }

    #[test]
    fn only_the_versions_that_sources_agree_on_name_a_windows() {
        let sold_with = |raw| SlicVersion(raw).sold_with();
        assert_eq!(sold_with(0x20000), Some(SoldWith::WindowsVista));
        assert_eq!(sold_with(0x20001), Some(SoldWith::Windows7));
        for raw in [0, 0x20002, 0x20003, 0x10001, u32::MAX] {
            assert_eq!(sold_with(raw), None, "{raw:#x}");
        }
    }

    #[test]
    fn a_table_of_ones_or_a_bare_header_says_nothing_and_is_no_error() {
        for (payload, content) in [
            (&[0xFF_u8; 338][..], SlicContent::Unused),
            (&[0; 338], SlicContent::Unused),
            (&[], SlicContent::HeaderOnly),
        ] {
            let table = Slic::parse(&acpi::table(*SIGNATURE, 1, &Ids::default(), payload)).unwrap();
            assert_eq!(table.content, content);
            assert!(!table.is_intact() && table.marker().is_none());
        }
    }

    #[test]
    fn a_marker_of_another_maker_or_without_its_flag_is_not_intact() {
        let other = Ids { oem_id: "OTHER", ..Ids::default() };
        let table = Slic::parse(&SlicTable { marker: other, ..SlicTable::default() }.make()).unwrap();
        assert!(!table.marker().unwrap().agrees_with_header && !table.is_intact());
        let table = Slic::parse(&SlicTable { flag: *b"WINDOWSX", ..SlicTable::default() }.make()).unwrap();
        assert!(!table.marker().unwrap().windows_flag && !table.is_intact());
        let mut bytes = SlicTable::default().make();
        bytes[0x34] = b'X';
        let table = Slic::parse(&bytes).unwrap();
        assert!(matches!(table.content, SlicContent::Parts { public_key: false, .. }) && !table.header.checksum_ok);
    }

    #[test]
    fn an_error_names_the_part() {
        let mut bytes = SlicTable::default().make();
        bytes[0xC4] = 0xB7;
        let error = Slic::parse(&bytes).unwrap_err().to_string();
        assert_eq!(error, "the part at 0xc0 needs 183 bytes, the table has 182 left");
        bytes[0xC4] = 7;
        let error = Slic::parse(&bytes).unwrap_err().to_string();
        assert_eq!(error, "the part at 0xc0 says that it has 7 bytes; its type and length alone need 8");
        assert!(matches!(Slic::parse(b"SLIC"), Err(SlicError::Header(_))));
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_never_intact(at in 8_usize..374, by in 1_u8..=255) {
            let mut bytes = SlicTable::default().make();
            bytes[at] ^= by;
            prop_assert!(!Slic::parse(&bytes).is_ok_and(|table| table.is_intact()));
        }

        #[test]
        fn any_payload_is_a_table_or_an_error(payload in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Slic::parse(&acpi::table(*SIGNATURE, 1, &Ids::default(), &payload));
        }
    }
}
