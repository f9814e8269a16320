//! The SMBIOS structure table: what the firmware says about the PC and its mainboard.
//!
//! Input is the structure table, without entry point; output is manufacturer, model, serial numbers and UUID. Whatever
//! the table says else is left out. Nothing here judges a value: `device` knows which ones are placeholders.
//!
//! Source: DMTF DSP0134, System Management BIOS Reference Specification 3.7, 6.1 (structures) and 7.1, 7.2, 7.3.

use thiserror::Error;

use crate::product_id::fields::{array_at, ascii_at, u32_at};

/// Type, length and handle begin every structure.
const HEADER_LEN: usize = 4;
/// What Windows puts in front of the table.
const WINDOWS_HEADER_LEN: usize = 8;
const SYSTEM: u8 = 1;
const BOARD: u8 = 2;
const END_OF_TABLE: u8 = 127;
/// The board type of a motherboard, and the feature bit of a board that hosts the others.
const MOTHERBOARD: u8 = 0x0A;
const HOSTING: u8 = 1;
/// A text longer than this many bytes is cut: the specification allowed 64 for long, and nobody needs more.
const LONGEST_TEXT: usize = 256;

/// What a structure table says about the PC.
///
/// In a text, each byte that is not printable ASCII is U+FFFD; spaces at both ends are left out, and a text of nothing
/// else is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Smbios {
    /// The PC as a whole (type 1); the first, where there are several.
    pub system: Option<System>,
    /// The mainboard (type 2): of several boards the first that is a motherboard or hosts the others, else the first.
    pub board: Option<Board>,
    /// Where the table stops making sense, behind what is given here.
    pub fault: Option<SmbiosError>,
}

/// The PC as a whole.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0x04 | 1 | manufacturer, as the number of a text |
/// | 0x05 | 1 | product name |
/// | 0x06 | 1 | version |
/// | 0x07 | 1 | serial number |
/// | 0x08 | 16 | UUID, since SMBIOS 2.1 |
///
/// Source: DSP0134, 7.2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the table says it")]
pub struct System {
    pub manufacturer: Option<String>,
    pub product_name: Option<String>,
    pub serial_number: Option<String>,
    /// The bytes as they stand in the table. Since SMBIOS 2.6 the first three fields are little-endian, before that
    /// it was left to the maker.
    pub uuid: Option<[u8; 16]>,
}

/// One board.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0x04 | 1 | manufacturer, as the number of a text |
/// | 0x05 | 1 | product |
/// | 0x06 | 1 | version |
/// | 0x07 | 1 | serial number |
/// | 0x09 | 1 | features; bit 0 is "hosting board" |
/// | 0x0D | 1 | board type; 0x0A is "motherboard" |
///
/// Source: DSP0134, 7.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the table says it")]
pub struct Board {
    pub manufacturer: Option<String>,
    pub product: Option<String>,
    pub serial_number: Option<String>,
}

/// Why bytes are not a structure table. Offsets count from the first structure.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SmbiosError {
    #[error("the structure at {offset:#x} needs {needed} bytes, the table has {left} left")]
    Cut { offset: usize, needed: usize, left: usize },
    #[error("the structure at {offset:#x} says that it has {found} bytes; its header alone needs 4")]
    Length { offset: usize, found: usize },
    #[error("the texts of the structure at {offset:#x} have no end in the {left} bytes that are left")]
    Texts { offset: usize, left: usize },
    #[error("the table and its header from Windows need {needed} bytes, here are {found}")]
    Windows { needed: usize, found: usize },
}

/// A structure: its fixed part, header included, and the texts behind it.
struct Structure<'a> {
    fields: &'a [u8],
    texts: &'a [u8],
}

impl Smbios {
    /// Reads a structure table, as `/sys/firmware/dmi/tables/DMI` holds it. Bytes behind the end-of-table structure
    /// are ignored. A table that is damaged behind the system or the mainboard still says what stood before; see
    /// [`fault`](Self::fault).
    ///
    /// # Errors
    ///
    /// [`SmbiosError`] when the table is damaged before it says anything about system or mainboard.
    pub fn parse(bytes: &[u8]) -> Result<Self, SmbiosError> {
        let mut found = Self::default();
        let mut hosting = false;
        let mut offset = 0;
        loop {
            match Structure::read(bytes, offset) {
                Ok(None) => return Ok(found),
                Ok(Some((structure, next))) => {
                    found.take(&structure, &mut hosting);
                    offset = next;
                }
                Err(fault) if found.system.is_none() && found.board.is_none() => return Err(fault),
                Err(fault) => return Ok(Self { fault: Some(fault), ..found }),
            }
        }
    }

    /// Reads what `GetSystemFirmwareTable` gives for `RSMB`: calling method, major and minor version, revision, one
    /// byte each, the length of the table as a little-endian 32-bit number, and the table.
    ///
    /// # Errors
    ///
    /// [`SmbiosError::Windows`] when the bytes end before the header or the table does, and those of
    /// [`parse`](Self::parse).
    ///
    /// Source: Microsoft, "GetSystemFirmwareTable function", `RawSMBIOSData`.
    pub fn parse_windows(bytes: &[u8]) -> Result<Self, SmbiosError> {
        let cut = |needed| SmbiosError::Windows { needed, found: bytes.len() };
        let length = u32_at(bytes, 4).ok_or(cut(WINDOWS_HEADER_LEN))?;
        let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(WINDOWS_HEADER_LEN);
        Self::parse(bytes.get(WINDOWS_HEADER_LEN..end).ok_or(cut(end))?)
    }

    fn take(&mut self, structure: &Structure<'_>, hosting: &mut bool) {
        match structure.fields.first() {
            Some(&SYSTEM) if self.system.is_none() => self.system = Some(structure.system()),
            Some(&BOARD) if self.board.is_none() || !*hosting && structure.is_mainboard() => {
                self.board = Some(structure.board());
                *hosting = structure.is_mainboard();
            }
            _ => {}
        }
    }
}

impl<'a> Structure<'a> {
    /// Reads the structure at `offset`, and says where the next one begins: at least 6 bytes further, so a walk ends.
    /// `None` at the end of the table: its end structure, its last byte, or nothing but zeros.
    fn read(table: &'a [u8], offset: usize) -> Result<Option<(Self, usize)>, SmbiosError> {
        let rest = table.get(offset..).unwrap_or_default();
        let Some([kind, length]) = array_at(rest, 0) else {
            let cut = SmbiosError::Cut { offset, needed: HEADER_LEN, left: rest.len() };
            return if rest.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(cut) };
        };
        let length = usize::from(length);
        if kind == END_OF_TABLE || length == 0 && rest.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if length < HEADER_LEN {
            return Err(SmbiosError::Length { offset, found: length });
        }
        let cut = SmbiosError::Cut { offset, needed: length, left: rest.len() };
        let (fields, behind) = rest.split_at_checked(length).ok_or(cut)?;
        let end = behind.windows(2).position(|pair| pair == [0, 0]);
        let end = end.ok_or(SmbiosError::Texts { offset, left: behind.len() })?;
        let texts = behind.get(..end).unwrap_or_default();
        Ok(Some((Self { fields, texts }, offset + length + end + 2)))
    }

    /// The text whose number stands at `offset` of the fixed part. Numbers count from 1; 0 says that there is none.
    fn text(&self, offset: usize) -> Option<String> {
        let number = usize::from(*self.fields.get(offset)?).checked_sub(1)?;
        let bytes = self.texts.split(|byte| *byte == 0).nth(number)?;
        let text = ascii_at(bytes, 0, bytes.len().min(LONGEST_TEXT))?;
        let text = text.trim_matches(' ');
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn system(&self) -> System {
        System {
            manufacturer: self.text(0x04),
            product_name: self.text(0x05),
            serial_number: self.text(0x07),
            uuid: array_at(self.fields, 0x08),
        }
    }

    fn board(&self) -> Board {
        Board { manufacturer: self.text(0x04), product: self.text(0x05), serial_number: self.text(0x07) }
    }

    fn is_mainboard(&self) -> bool {
        let features = self.fields.get(0x09).copied().unwrap_or_default();
        self.fields.get(0x0D) == Some(&MOTHERBOARD) || features & HOSTING != 0
    }
}

#[cfg(test)]
mod tests {
    use keystow_makers::smbios::{self, BoardFacts, SystemFacts};
    use proptest::prelude::*;

    use super::*;

    fn whole() -> Vec<u8> {
        smbios::table(&[smbios::structure(0, 0, &[1, 2, 0, 0xE8], &["Keystow", "1.0"]), SystemFacts::default().make()])
    }

    fn text(value: &Option<String>) -> &str {
        value.as_deref().unwrap_or("none")
    }

    #[test]
    fn a_table_says_what_system_and_board_it_is() {
        let facts = SystemFacts::default();
        let board = BoardFacts { serial_number: "  BOARD-7 ", ..BoardFacts::default() };
        let smbios = Smbios::parse(&smbios::table(&[facts.make(), board.make()])).unwrap();
        let system = smbios.system.unwrap();
        assert_eq!((text(&system.manufacturer), text(&system.product_name)), (facts.manufacturer, facts.product_name));
        assert_eq!((text(&system.serial_number), system.uuid), (facts.serial_number, Some(facts.uuid)));
        let found = smbios.board.unwrap();
        assert_eq!((text(&found.manufacturer), text(&found.product)), (board.manufacturer, board.product));
        assert_eq!((text(&found.serial_number), smbios.fault), ("BOARD-7", None));
    }

    #[test]
    fn the_mainboard_is_chosen_among_boards_and_the_first_where_none_is_one() {
        let board = |serial_number, features, board_type| {
            BoardFacts { serial_number, features, board_type, ..BoardFacts::default() }.make()
        };
        let serial = |structures: &[Vec<u8>]| {
            text(&Smbios::parse(&smbios::table(structures)).unwrap().board.unwrap().serial_number).to_owned()
        };
        let (riser, other) = (board("RISER", 0, 9), board("OTHER", 0, 2));
        assert_eq!(serial(&[riser.clone(), board("MAIN", 0, 0x0A), board("SECOND", 1, 0x0A)]), "MAIN");
        assert_eq!(serial(&[riser.clone(), board("HOST", 1, 1), other.clone()]), "HOST");
        assert_eq!(serial(&[riser, other]), "RISER");
    }

    #[test]
    fn old_and_empty_structures_give_what_they_have() {
        let old = smbios::structure(1, 1, &[1, 2, 0, 9], &["Maker", "   "]);
        let system = Smbios::parse(&smbios::table(&[old])).unwrap().system.unwrap();
        assert_eq!((text(&system.manufacturer), system.product_name), ("Maker", None), "spaces are no name");
        assert_eq!((system.serial_number, system.uuid), (None, None), "text 9 of 2, and no room for a UUID");
        let bare = smbios::structure(2, 2, &[], &[]);
        assert_eq!(Smbios::parse(&smbios::table(&[bare])).unwrap().board, Some(Board::default()));
        assert_eq!(Smbios::parse(&[]), Ok(Smbios::default()));
        assert_eq!(Smbios::parse(&[0; 64]), Ok(Smbios::default()), "padding");
    }

    #[test]
    fn texts_are_bounded_and_cannot_steer_a_terminal() {
        let long = "A".repeat(5000);
        let facts = SystemFacts { manufacturer: "a\u{1b}[31m", product_name: &long, ..SystemFacts::default() };
        let system = Smbios::parse(&smbios::table(&[facts.make()])).unwrap().system.unwrap();
        assert_eq!(text(&system.manufacturer), "a\u{fffd}[31m");
        assert_eq!(text(&system.product_name).len(), LONGEST_TEXT);
    }

    #[test]
    fn what_windows_puts_in_front_is_taken_off_and_counted() {
        let bytes = smbios::windows(&whole());
        assert_eq!(Smbios::parse_windows(&bytes), Smbios::parse(&whole()));
        let error = |bytes: &[u8]| Smbios::parse_windows(bytes).unwrap_err().to_string();
        assert_eq!(error(&bytes[..7]), "the table and its header from Windows need 8 bytes, here are 7");
        let (needed, found) = (bytes.len(), bytes.len() - 1);
        let message = format!("the table and its header from Windows need {needed} bytes, here are {found}");
        assert_eq!(error(&bytes[..found]), message);
    }

    #[test]
    fn an_error_names_the_structure() {
        let error = |bytes: &[u8]| Smbios::parse(bytes).unwrap_err().to_string();
        assert_eq!(
            error(&[1, 0, 1, 0, 0, 0]),
            "the structure at 0x0 says that it has 0 bytes; its header alone needs 4"
        );
        assert_eq!(error(&[1, 27, 1, 0, 1]), "the structure at 0x0 needs 27 bytes, the table has 5 left");
        assert_eq!(
            error(&[1, 4, 1, 0, b'A', 0]),
            "the texts of the structure at 0x0 have no end in the 2 bytes that are left"
        );
        assert_eq!(error(&[3]), "the structure at 0x0 needs 4 bytes, the table has 1 left");
    }

    #[test]
    fn a_table_damaged_at_its_end_still_says_what_stood_before() {
        let mut bytes = SystemFacts::default().make();
        let offset = bytes.len();
        bytes.extend([2, 3, 0, 0]);
        let smbios = Smbios::parse(&bytes).unwrap();
        assert_eq!(smbios.fault, Some(SmbiosError::Length { offset, found: 3 }));
        assert!(smbios.system.is_some() && smbios.board.is_none());
    }

    #[test]
    fn a_cut_table_is_never_more_than_the_whole_one() {
        let bytes = whole();
        let system = Smbios::parse(&bytes).unwrap().system;
        for cut in 0..bytes.len() {
            if let Ok(part) = Smbios::parse(&bytes[..cut]) {
                assert!(part.system.is_none() || part.system == system, "cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Smbios::parse(&bytes);
            let _ = Smbios::parse_windows(&bytes);
        }

        #[test]
        fn one_changed_byte_never_stops_the_walk(at in 0_usize..90, to: u8) {
            let mut bytes = whole();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
            let _ = Smbios::parse(&bytes);
        }
    }
}
