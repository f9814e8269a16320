//! Firmware tables that say something about a license, MSDM and SLIC, and the texts that carry them.
//!
//! Input is one whole table, header included, or the text that `acpidump` or `iasl -d` printed; output is the product
//! key of [`Msdm`], or what [`Slic`] says this PC was sold with. Nothing here talks to firmware: `keystow_os` does,
//! and hands the bytes over.
//!
//! Source: ACPI 6.5, 5.2.6 (header); unpublished: 273 real MSDM and 185 real SLIC tables (`docs/formats.md`,
//! section 4).

mod dump;
mod header;
mod msdm;
mod slic;

pub use dump::{DumpError, DumpedTable, MAX_TABLE_LEN, Tables};
pub use header::{HeaderError, TableHeader};
pub use msdm::{Msdm, MsdmContent, MsdmError};
pub use slic::{Slic, SlicContent, SlicError, SlicMarker, SlicVersion, SoldWith};

/// How far into a file [`TableKind::recognise`] looks for the beginning of a text.
const LOOK: usize = 4096;

/// What some bytes are, as far as their beginning tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TableKind {
    /// The text that `acpidump` or `iasl -d` printed: see [`Tables`].
    Dump,
    /// One MSDM table.
    Msdm,
    /// One SLIC table.
    Slic,
}

impl TableKind {
    /// Recognises a table or a text of tables by content alone; a file name says nothing. `None` for everything else,
    /// other ACPI tables included, for they say nothing about a license.
    #[must_use]
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk()? {
            msdm::SIGNATURE if TableHeader::parse(bytes).is_ok() => return Some(Self::Msdm),
            slic::SIGNATURE if TableHeader::parse(bytes).is_ok() => return Some(Self::Slic),
            _ => {}
        }
        dump::looks_like(bytes.get(..LOOK).unwrap_or(bytes)).then_some(Self::Dump)
    }
}

/// Whether a part of a table was never filled in: every byte is 0xFF or zero. Real tables mix the two: one has 0xFF up
/// to four zeros at its end.
fn is_unused(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, 0 | 0xFF))
}

#[cfg(test)]
mod tests {
    use keystow_makers::acpi::{self, Ids, MsdmTable, SlicTable};

    use super::*;

    #[test]
    fn content_alone_says_what_a_file_is() {
        let (msdm, slic) = (MsdmTable::default().make(), SlicTable::default().make());
        assert_eq!(TableKind::recognise(&msdm), Some(TableKind::Msdm));
        assert_eq!(TableKind::recognise(&slic), Some(TableKind::Slic));
        assert_eq!(TableKind::recognise(&msdm[..84]), None, "a table that is cut off");
        assert_eq!(TableKind::recognise(&acpi::table(*b"APIC", 1, &Ids::default(), &[])), None);
        let dump = acpi::dump(&[("APIC", &[1, 2, 3]), ("MSDM", &msdm)]);
        assert_eq!(TableKind::recognise(dump.as_bytes()), Some(TableKind::Dump));
        assert_eq!(TableKind::recognise(b"MSDM is a table"), None);
        assert_eq!(TableKind::recognise(b"MSD"), None);
    }
}
