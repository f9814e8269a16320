//! The 36 bytes that begin every ACPI table but FACS.

use thiserror::Error;

use crate::product_id::fields::{array_at, ascii_at, u32_at};

/// The length of the header in bytes.
pub(super) const LEN: usize = 36;

/// The header of a table. In a text, each byte that is not printable ASCII is U+FFFD; spaces and NULs at the end are
/// left out.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | signature |
/// | 4 | 4 | length of the table, header included |
/// | 8 | 1 | revision |
/// | 9 | 1 | checksum |
/// | 10 | 6 | OEM ID |
/// | 16 | 8 | OEM table ID |
/// | 24 | 4 | OEM revision |
/// | 28 | 4 | creator ID |
/// | 32 | 4 | creator revision |
///
/// Source: ACPI 6.5, 5.2.6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableHeader {
    /// The four letters that name the table.
    pub signature: [u8; 4],
    /// The length of the whole table in bytes, 36 at least.
    pub length: u32,
    /// The revision of the table's layout.
    pub revision: u8,
    /// Whether all bytes of the table add up to 0 modulo 256. A table with a wrong sum is read all the same.
    pub checksum_ok: bool,
    /// The maker of the PC.
    pub oem_id: String,
    /// The maker's name for the table.
    pub oem_table_id: String,
    /// The maker's number for the table.
    pub oem_revision: u32,
    /// Who made the tool that made the table.
    pub creator_id: String,
    /// The number of that tool.
    pub creator_revision: u32,
}

/// Why bytes are not one whole table.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum HeaderError {
    #[error("the table at 0x0 needs {needed} bytes, here are {found}")]
    Cut { needed: usize, found: usize },
    #[error("the length at 0x4 is {found}; a table has 36 bytes at least")]
    Length { found: u32 },
    #[error("the signature at 0x0 should be {:?}, here is {:?}", printable(.needed), printable(.found))]
    Signature { needed: [u8; 4], found: [u8; 4] },
}

impl TableHeader {
    /// Reads the header of the table that begins at the first byte. Bytes after the table's end are ignored.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Cut`] when the bytes end before the header or before the table,
    /// [`HeaderError::Length`] when the table claims to be shorter than its header.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let cut = |needed| HeaderError::Cut { needed, found: bytes.len() };
        let header: [u8; LEN] = array_at(bytes, 0).ok_or(cut(LEN))?;
        let number = |offset| u32_at(&header, offset).unwrap_or_default();
        let length = number(4);
        let len = usize::try_from(length).unwrap_or(usize::MAX);
        if len < LEN {
            return Err(HeaderError::Length { found: length });
        }
        let table = bytes.get(..len).ok_or(cut(len))?;
        let [revision, _] = array_at(&header, 8).unwrap_or_default();
        Ok(Self {
            signature: array_at(&header, 0).unwrap_or_default(),
            length,
            revision,
            checksum_ok: table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == 0,
            oem_id: padded_at(&header, 10, 6),
            oem_table_id: padded_at(&header, 16, 8),
            oem_revision: number(24),
            creator_id: padded_at(&header, 28, 4),
            creator_revision: number(32),
        })
    }

    /// Reads a table of one kind: its header and the bytes after it, up to the table's end.
    pub(super) fn parse_as(bytes: &[u8], needed: [u8; 4]) -> Result<(Self, &[u8]), HeaderError> {
        let header = Self::parse(bytes)?;
        if header.signature != needed {
            return Err(HeaderError::Signature { needed, found: header.signature });
        }
        let len = usize::try_from(header.length).unwrap_or(usize::MAX);
        let payload = bytes.get(LEN..len).ok_or(HeaderError::Cut { needed: len, found: bytes.len() })?;
        Ok((header, payload))
    }
}

/// A text padded with spaces or NULs; empty where the bytes end before it.
pub(super) fn padded_at(bytes: &[u8], offset: usize, len: usize) -> String {
    let mut text = ascii_at(bytes, offset, len).unwrap_or_default();
    text.truncate(text.trim_end_matches(' ').len());
    text
}

fn printable(signature: &[u8; 4]) -> String {
    ascii_at(signature, 0, 4).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use keystow_makers::acpi::{self, Ids};

    use super::*;

    #[test]
    fn a_header_gives_every_field() {
        let ids = Ids { oem_id: "KEYST", oem_table_id: "NOTEBOOK", ..Ids::default() };
        let table = acpi::table(*b"MSDM", 3, &ids, &[9; 5]);
        let header = TableHeader::parse(&table).unwrap();
        assert_eq!((&header.signature, header.length, header.revision), (b"MSDM", 41, 3));
        assert_eq!((header.oem_id.as_str(), header.oem_table_id.as_str()), ("KEYST", "NOTEBOOK"));
        assert_eq!((header.oem_revision, header.creator_revision), (ids.oem_revision, ids.creator_revision));
        assert_eq!(header.creator_id, ids.creator_id);
        assert!(header.checksum_ok);
    }

    #[test]
    fn a_changed_byte_fails_the_checksum_and_a_byte_after_the_table_does_not() {
        let mut table = acpi::table(*b"MSDM", 3, &Ids::default(), &[9; 5]);
        table.push(1);
        assert!(TableHeader::parse(&table).unwrap().checksum_ok);
        table[40] = 8;
        assert!(!TableHeader::parse(&table).unwrap().checksum_ok);
    }

    #[test]
    fn an_error_says_how_much_was_needed() {
        let table = acpi::table(*b"MSDM", 3, &Ids::default(), &[9; 5]);
        let error = |bytes: &[u8]| TableHeader::parse(bytes).unwrap_err().to_string();
        assert_eq!(error(&table[..35]), "the table at 0x0 needs 36 bytes, here are 35");
        assert_eq!(error(&table[..40]), "the table at 0x0 needs 41 bytes, here are 40");
        let mut short = table.clone();
        short[4] = 35;
        assert_eq!(error(&short), "the length at 0x4 is 35; a table has 36 bytes at least");
        let other = TableHeader::parse_as(&table, *b"SLIC").unwrap_err().to_string();
        assert_eq!(other, "the signature at 0x0 should be \"SLIC\", here is \"MSDM\"");
    }
}
