//! The MSDM firmware table: the product key that a PC maker stored at the factory.

use thiserror::Error;

use super::header::{self, HeaderError, TableHeader};
use super::is_unused;
use crate::product_id::fields::u32_at;
use crate::{KeyError, ProductKey};

pub(super) const SIGNATURE: &[u8; 4] = b"MSDM";
/// The data type that says that the data is a product key.
const PRODUCT_KEY: u32 = 1;
/// Where the data begins, in the table.
const DATA_AT: usize = 0x38;

/// One MSDM table. Numbers are little-endian.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0x00 | 36 | header |
/// | 0x24 | 4, 4 | version 1, reserved |
/// | 0x2C | 4, 4 | data type 1 (product key), reserved |
/// | 0x34 | 4 | data length, 29 |
/// | 0x38 | 29 | the product key as text, ASCII, no NUL |
///
/// The firmware product key is often not the installed one: a PC sold with Home may run Pro.
///
/// Source: Microsoft, "Microsoft Software Licensing Tables (SLIC and MSDM)"; 273 real tables agree, 269 with a product
/// key of the 2009 form and a right checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Msdm {
    /// The header.
    pub header: TableHeader,
    /// What the table carries.
    pub content: MsdmContent,
}

/// What an MSDM table carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MsdmContent {
    /// Nothing: the table is there and was never filled in. After the header, or in the data, there are only bytes
    /// 0xFF and zero, or none at all.
    NoKey,
    /// Data of a type that is not a product key. None was ever seen.
    OtherData {
        /// The data type.
        data_type: u32,
        /// The data length in bytes.
        length: u32,
    },
    /// The firmware product key.
    ProductKey(ProductKey),
}

/// Why bytes are not an MSDM table, or its product key is none.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MsdmError {
    #[error("{field} at {offset:#x} needs {needed} bytes, the table has {left} left")]
    Cut { field: &'static str, offset: usize, needed: usize, left: usize },
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the product key at {offset:#x}: {error}")]
    ProductKey { offset: usize, error: KeyError },
    #[error("the product key at {offset:#x} should be ASCII text, byte {at:#x} is {found:#04x}")]
    Text { offset: usize, at: usize, found: u8 },
}

impl Msdm {
    /// Reads one whole table. A wrong table checksum is no error; see [`TableHeader::checksum_ok`].
    ///
    /// The data length may be any that fits the table; spaces, NULs and 0xFF after the product key are left out.
    ///
    /// # Errors
    ///
    /// [`MsdmError::Header`] when this is not one whole MSDM table, [`MsdmError::Cut`] when a field reaches past its
    /// end, [`MsdmError::Text`] and [`MsdmError::ProductKey`] when the data of type 1 is not a product key.
    pub fn parse(bytes: &[u8]) -> Result<Self, MsdmError> {
        let (header, payload) = TableHeader::parse_as(bytes, *SIGNATURE)?;
        let content = if is_unused(payload) { MsdmContent::NoKey } else { read_content(payload)? };
        Ok(Self { header, content })
    }

    /// The firmware product key, if there is one.
    #[must_use]
    pub fn product_key(&self) -> Option<&ProductKey> {
        if let MsdmContent::ProductKey(key) = &self.content { Some(key) } else { None }
    }
}

/// `payload` is what follows the header.
fn read_content(payload: &[u8]) -> Result<MsdmContent, MsdmError> {
    let cut = |field, offset: usize, needed| {
        let left = (header::LEN + payload.len()).saturating_sub(offset);
        MsdmError::Cut { field, offset, needed, left }
    };
    let data_type = u32_at(payload, 0x2C - header::LEN).ok_or_else(|| cut("the data type", 0x2C, 4))?;
    let length = u32_at(payload, 0x34 - header::LEN).ok_or_else(|| cut("the data length", 0x34, 4))?;
    if data_type != PRODUCT_KEY {
        return Ok(MsdmContent::OtherData { data_type, length });
    }
    let needed = usize::try_from(length).unwrap_or(usize::MAX);
    let data = payload.get(DATA_AT - header::LEN..).and_then(|rest| rest.get(..needed));
    let data = data.ok_or_else(|| cut("the product key", DATA_AT, needed))?;
    if is_unused(data) {
        return Ok(MsdmContent::NoKey);
    }
    read_key(data).map(MsdmContent::ProductKey)
}

fn read_key(data: &[u8]) -> Result<ProductKey, MsdmError> {
    let end = data.iter().rposition(|byte| !matches!(byte, 0 | b' ' | 0xFF)).map_or(0, |last| last + 1);
    let data = data.get(..end).unwrap_or(data);
    if let Some((at, found)) = data.iter().enumerate().find(|(_, byte)| !byte.is_ascii()) {
        return Err(MsdmError::Text { offset: DATA_AT, at: DATA_AT + at, found: *found });
    }
    let text = std::str::from_utf8(data).unwrap_or_default();
    ProductKey::parse(text).map_err(|error| MsdmError::ProductKey { offset: DATA_AT, error })
}

#[cfg(test)]
mod tests {
    use keystow_makers::acpi::{self, DEFAULT_KEY, Ids, MsdmTable};
    use proptest::prelude::*;

    use super::*;

    fn content(table: &MsdmTable<'_>) -> Result<MsdmContent, String> {
        Msdm::parse(&table.make()).map(|table| table.content).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_of_85_bytes_carries_the_product_key() {
        let bytes = MsdmTable::default().make();
        assert_eq!(bytes.len(), 85);
        let table = Msdm::parse(&bytes).unwrap();
        assert_eq!(table.product_key().unwrap().reveal().as_str(), DEFAULT_KEY);
        assert!(table.header.checksum_ok);
    }

    #[test]
    fn a_table_that_was_never_filled_in_is_present_and_has_no_key() {
        let mixed = [&[0xFF; 45][..], &[0; 4]].concat();
        for payload in [&[0_u8; 49][..], &[0xFF; 49], &mixed, &[]] {
            let bytes = acpi::table(*SIGNATURE, 3, &Ids::default(), payload);
            assert_eq!(Msdm::parse(&bytes).map(|table| table.content), Ok(MsdmContent::NoKey), "{payload:?}");
        }
        for data in [&[0_u8; 29][..], &[0xFF; 29], &[]] {
            assert_eq!(content(&MsdmTable { data, ..MsdmTable::default() }), Ok(MsdmContent::NoKey), "{data:?}");
        }
    }

    #[test]
    fn data_of_another_type_is_named_and_not_read() {
        let other = MsdmTable { data_type: 2, data: b"abc", ..MsdmTable::default() };
        assert_eq!(content(&other), Ok(MsdmContent::OtherData { data_type: 2, length: 3 }));
    }

    #[test]
    fn padding_after_the_product_key_and_missing_dashes_do_no_harm() {
        for tail in ["", "\0\0\0", "  "] {
            let data = format!("{DEFAULT_KEY}{tail}");
            let table = MsdmTable { data: data.as_bytes(), ..MsdmTable::default() };
            assert!(matches!(content(&table), Ok(MsdmContent::ProductKey(_))), "{tail:?}");
        }
        let bare = DEFAULT_KEY.replace('-', "");
        assert!(content(&MsdmTable { data: bare.as_bytes(), ..MsdmTable::default() }).is_ok());
    }

    #[test]
    fn an_error_names_the_place() {
        let error = |data: &[u8]| content(&MsdmTable { data, ..MsdmTable::default() }).unwrap_err();
        assert_eq!(
            error(b"VK7JG-NPHTM-C97JM-9MPGT-3V66"),
            "the product key at 0x38: a product key has 25 characters, here are 24 (group 5 has 4 instead of 5)"
        );
        assert_eq!(
            error(b"VK7JG-NPHTM-C97JM-9MPGT-3V66A"),
            "the product key at 0x38: character 25 is 'A', which no product key contains"
        );
        assert_eq!(error(b"VK7\xE9G"), "the product key at 0x38 should be ASCII text, byte 0x3b is 0xe9");
        let cut = MsdmTable { stated_length: Some(30), ..MsdmTable::default() };
        assert_eq!(content(&cut).unwrap_err(), "the product key at 0x38 needs 30 bytes, the table has 29 left");
        let header = acpi::table(*SIGNATURE, 3, &Ids::default(), &[1; 10]);
        assert_eq!(
            Msdm::parse(&header).unwrap_err().to_string(),
            "the data type at 0x2c needs 4 bytes, the table has 2 left"
        );
        assert!(matches!(Msdm::parse(b"MSDM"), Err(MsdmError::Header(_))));
    }

    proptest! {
        #[test]
        fn any_payload_is_a_table_or_an_error(payload in prop::collection::vec(any::<u8>(), 0..80), kind in 0_u8..3) {
            let mut payload = payload;
            if let Some(field) = payload.get_mut(8..12) {
                field.copy_from_slice(&[kind, 0, 0, 0]);
            }
            if let Some(field) = payload.get_mut(17..20) {
                field.fill(0);
            }
            let _ = Msdm::parse(&acpi::table(*SIGNATURE, 1, &Ids::default(), &payload));
        }
    }
}
