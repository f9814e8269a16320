//! The texts that carry tables: what `acpidump` prints, and the raw data in what `iasl -d` prints.
//!
//! ```text
//! MSDM @ 0x00000000CA5F1000
//!     0000: 4D 53 44 4D 55 00 00 00 03 19 47 42 54 20 20 20  MSDMU.....GBT
//! ```
//!
//! A table begins at such a heading, or in `iasl` text at `Raw Table Data`, and takes the hex lines that follow, whose
//! offsets have no gap. Everything else in the text is passed over. Which table it is and whether it is whole is for
//! [`TableHeader`](super::TableHeader) to say.

use std::fmt;
use std::iter::Peekable;
use std::slice::Split;

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::product_id::fields::ascii_at;

/// The longest table that is read, in bytes. The largest DSDT seen are a few hundred KiB; the tables about licenses
/// have a few hundred bytes.
pub const MAX_TABLE_LEN: usize = 1 << 20;
/// The most bytes in one hex line.
const LINE_LEN: usize = 16;

/// The tables in a text, one after another, so that one table at a time is in memory. A table that cannot be read is
/// an `Err` in its place and the next one follows.
///
/// ```
/// use keystow_core::acpi::Tables;
///
/// let text = b"FACS @ 0x0\n    0000: 46 41 43 53\n";
/// let tables: Vec<_> = Tables::new(text).filter_map(Result::ok).collect();
/// assert_eq!(tables[0].name(), "FACS");
/// assert_eq!(tables[0].bytes(), b"FACS");
/// ```
#[derive(Clone)]
pub struct Tables<'a> {
    lines: Peekable<Lines<'a>>,
}

/// One table out of a text. Its bytes may hold a product key, so they are not printed and are cleared on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DumpedTable {
    name: String,
    bytes: Vec<u8>,
}

/// Why a table in a text cannot be read. Lines count from 1.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DumpError {
    #[error("the table that begins in line {line} has no hex line")]
    Empty { line: usize },
    #[error("line {line} should go on at offset {needed:#x}, it says {found:#x}")]
    Gap { line: usize, needed: usize, found: usize },
    #[error("the table goes on in line {line} past {limit} bytes, the most that is read")]
    TooLong { line: usize, limit: usize },
}

impl<'a> Tables<'a> {
    /// Looks for tables in the text, whatever its line ends. Characters outside ASCII do no harm.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        let is_end: fn(&u8) -> bool = |byte| *byte == b'\n';
        Self { lines: Lines { number: 0, lines: text.split(is_end) }.peekable() }
    }

    fn next_heading(&mut self) -> Option<(usize, Heading<'a>)> {
        self.lines.find_map(|(number, line)| Some((number, Heading::read(line)?)))
    }

    /// Takes hex lines as long as they follow one another; blank lines before the first are passed over.
    fn table_bytes(&mut self, heading: usize) -> Result<Vec<u8>, DumpError> {
        let mut bytes = Vec::new();
        loop {
            let taken = self
                .lines
                .next_if(|(_, line)| HexLine::read(line).is_some() || bytes.is_empty() && line.trim_ascii().is_empty());
            let Some((line, text)) = taken else { break };
            let Some(hex) = HexLine::read(text) else { continue };
            if hex.offset != bytes.len() {
                return Err(DumpError::Gap { line, needed: bytes.len(), found: hex.offset });
            }
            if bytes.len() + hex.len > MAX_TABLE_LEN {
                return Err(DumpError::TooLong { line, limit: MAX_TABLE_LEN });
            }
            bytes.extend(hex.bytes.iter().take(hex.len));
        }
        if bytes.is_empty() { Err(DumpError::Empty { line: heading }) } else { Ok(bytes) }
    }
}

impl Iterator for Tables<'_> {
    type Item = Result<DumpedTable, DumpError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, heading) = self.next_heading()?;
        Some(self.table_bytes(line).map(|bytes| {
            let named = match heading {
                Heading::Named(name) => ascii_at(name, 0, name.len()),
                Heading::Raw => ascii_at(&bytes, 0, 4),
            };
            DumpedTable { name: named.unwrap_or_default(), bytes }
        }))
    }
}

impl DumpedTable {
    /// The name in the heading, or in `iasl` text the first four bytes of the table; up to four characters.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole table, header included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for DumpedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DumpedTable({:?}, {} bytes)", self.name, self.bytes.len())
    }
}

impl fmt::Debug for Tables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tables(…)")
    }
}

/// Whether the beginning of a file looks like one of the texts: the first line that is not blank is a heading, or the
/// tools introduce themselves.
pub(super) fn looks_like(start: &[u8]) -> bool {
    let first = start.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    first.is_some_and(|line| matches!(Heading::read(line), Some(Heading::Named(_))))
        || start.windows(BANNER.len()).any(|part| part == BANNER)
}

/// The first line of every text that `iasl` and `acpixtract` print.
const BANNER: &[u8] = b"Intel ACPI Component Architecture";

/// The lines of a text with their numbers.
#[derive(Clone)]
struct Lines<'a> {
    number: usize,
    lines: Split<'a, u8, fn(&u8) -> bool>,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.number += 1;
        Some((self.number, self.lines.next()?))
    }
}

/// The line before the hex lines of a table.
enum Heading<'a> {
    /// `MSDM @ 0x00000000CA5F1000`: the name may have 1 to 4 characters.
    Named(&'a [u8]),
    /// `Raw Table Data: Length 85 (0x55)`.
    Raw,
}

impl<'a> Heading<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let line = line.trim_ascii();
        if line.starts_with(b"Raw Table Data") {
            return Some(Self::Raw);
        }
        let name_len = line.iter().take(5).position(|byte| *byte == b' ')?;
        let (name, rest) = line.split_at_checked(name_len)?;
        let address = rest.strip_prefix(b" @ 0x")?;
        (!name.is_empty() && !address.is_empty() && address.iter().all(u8::is_ascii_hexdigit))
            .then_some(Self::Named(name))
    }
}

/// `    0010: 4D 53 …  MS…`: an offset and 1 to 16 bytes. The column of characters begins after two spaces or more.
struct HexLine {
    offset: usize,
    bytes: [u8; LINE_LEN],
    len: usize,
}

impl HexLine {
    fn read(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        let colon = line.iter().take(9).position(|byte| *byte == b':')?;
        let (offset, rest) = line.split_at_checked(colon)?;
        let mut hex = Self { offset: offset_value(offset)?, bytes: [0; LINE_LEN], len: 0 };
        let mut rest = rest.strip_prefix(b":")?;
        for byte in &mut hex.bytes {
            let [b' ', high, low, after @ ..] = rest else { break };
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { break };
            if after.first().is_some_and(|next| !next.is_ascii_whitespace()) {
                break;
            }
            *byte = high << 4 | low;
            hex.len += 1;
            rest = after;
        }
        (hex.len > 0).then_some(hex)
    }
}

/// Four to eight hexadecimal digits.
fn offset_value(digits: &[u8]) -> Option<usize> {
    if digits.len() < 4 {
        return None;
    }
    let value = digits.iter().try_fold(0_u32, |value, byte| Some(value << 4 | u32::from(digit(*byte)?)))?;
    usize::try_from(value).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use keystow_makers::acpi::{self, MsdmTable};
    use proptest::prelude::*;

    use super::*;

    /// The tables of a text: name and bytes, or the message.
    fn read(text: &str) -> Vec<Result<(String, Vec<u8>), String>> {
        let table = |table: DumpedTable| (table.name().to_owned(), table.bytes().to_vec());
        Tables::new(text.as_bytes()).map(|t| t.map(table).map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn every_table_of_a_dump_comes_out_byte_for_byte() {
        let msdm = MsdmTable::default().make();
        let long: Vec<u8> = (0..70_000_u32).map(|i| (i % 251) as u8).collect();
        let text = acpi::dump(&[("SSDT", &long), ("MSDM", &msdm), ("FACS", b"F")]);
        let expected = [("SSDT", &long[..]), ("MSDM", &msdm), ("FACS", b"F")];
        let expected: Vec<_> = expected.iter().map(|(name, bytes)| Ok((String::from(*name), bytes.to_vec()))).collect();
        assert_eq!(read(&text), expected);
        assert_eq!(read(&text.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn the_raw_data_of_a_disassembly_is_found_and_named_by_its_signature() {
        let text = "MSDM\n----\n[024h 0036  49] Software Licensing Structure : \\\n    45 45 53 54 00\n\n\
                    Raw Table Data: Length 20 (0x14)\n\n    0000: 4D 53 44 4D 14 00 00 00 01 02 03 04 05 06 07 08  // MSDM\n    \
                    0010: 09 0A 0B 0C                                      // ....\n\n\nSLIC\n----\n";
        let bytes = [b"MSDM\x14\0\0\0".as_slice(), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]].concat();
        assert_eq!(read(text), [Ok(("MSDM".to_owned(), bytes))]);
    }

    #[test]
    fn characters_that_look_like_hex_are_not_read_as_bytes() {
        let text = "AAAA @ 0x0\n    0000: 41 42 20 20                                      AB 20\n";
        assert_eq!(read(text), [Ok(("AAAA".to_owned(), b"AB  ".to_vec()))]);
        let seventeen = "AAAA @ 0x0\n0000: 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10\n";
        assert_eq!(read(seventeen)[0].as_ref().unwrap().1.len(), 16);
    }

    #[test]
    fn a_damaged_table_is_an_error_in_its_place_and_the_next_one_follows() {
        let text = "AAAA @ 0x0\n    0000: 01\n    0010: 02\n    0011: 03\nBBBB @ 0x0\n\nCCCC @ 0x0\n    0000: 04\n";
        assert_eq!(
            read(text),
            [
                Err("line 3 should go on at offset 0x1, it says 0x10".to_owned()),
                Err("the table that begins in line 5 has no hex line".to_owned()),
                Ok(("CCCC".to_owned(), vec![4])),
            ]
        );
        let text = "AAAA @ 0x0\n0010: 01\n";
        assert_eq!(read(text), [Err("line 2 should go on at offset 0x0, it says 0x10".to_owned())]);
    }

    #[test]
    fn a_table_past_the_limit_is_refused_where_it_passes_it() {
        let longest = vec![0; MAX_TABLE_LEN];
        let text = acpi::dump(&[("AAAA", &longest)]);
        assert_eq!(read(&text)[0].as_ref().unwrap().1.len(), MAX_TABLE_LEN);
        let text = acpi::dump(&[("AAAA", &[0; MAX_TABLE_LEN + 1])]);
        assert_eq!(
            read(&text),
            [Err("the table goes on in line 65538 past 1048576 bytes, the most that is read".to_owned())]
        );
    }

    #[test]
    fn text_without_a_heading_has_no_tables() {
        assert_eq!(read("    0000: 4D 53 44 4D\n"), []);
        assert_eq!(read("a line @ 0x0\nMSDM @ 0\nMSDM @ 0xZZ\nMSDMX @ 0x0\n @ 0x0\n"), []);
        assert_eq!(read(""), []);
    }

    #[test]
    fn printing_a_table_shows_its_name_and_length_only() {
        let text = acpi::dump(&[("MSDM", b"ABC")]);
        let table = Tables::new(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(format!("{table:?}"), "DumpedTable(\"MSDM\", 3 bytes)");
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "([A-D @0x:\n]|[0-9A-F]{2}| ){0,300}") {
            let tables: usize = Tables::new(text.as_bytes()).flatten().map(|table| table.bytes().len()).sum();
            prop_assert!(tables * 3 <= text.len());
        }
    }
}
