//! The base block: the first 512 bytes of a hive, in a place of 4096.
//!
//! Input is the start of the file; output is where the root is, how far the cells reach and in which condition the
//! hive is. Nothing here needs the hive to be undamaged.

use super::cell::CellRef;
use super::error::HiveError;
use crate::read::ReadAt;

/// The length of the base block's fields, which the checksum covers but for its own last four bytes.
const LEN: usize = 512;
/// Where the cells begin: the base block has a place of 4096 bytes, though it uses only 512.
pub(super) const CELLS_START: u64 = 4096;

/// Whether a hive was closed properly and is whole.
///
/// Whatever is not [`Clean`](Self::Clean) is read as it lies; values in it may be old, and parts may be missing.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The base block does not have the checksum it states.
    BadChecksum {
        /// The checksum in the base block.
        stated: u32,
        /// The checksum that its bytes have.
        computed: u32,
    },
    /// Closed properly and whole.
    Clean,
    /// The file ends before the hive does.
    Cut {
        /// The length that the base block speaks of, in bytes.
        needed: u64,
        /// The length of the file, in bytes.
        left: u64,
    },
    /// Windows was writing when it stopped: changes still stand in the transaction logs.
    Dirty {
        /// The sequence number set before writing.
        primary: u32,
        /// The sequence number set after writing.
        secondary: u32,
    },
}

/// What the reader needs of the base block.
#[derive(Clone, Copy, Debug)]
pub(super) struct BaseBlock {
    pub(super) minor: u32,
    pub(super) root: Option<CellRef>,
    /// The length of the file in bytes. Cells are read up to here: a hive that was growing when Windows stopped, or
    /// whose base block is damaged, states a smaller length than it has.
    pub(super) file_len: u64,
    pub(super) condition: Condition,
}

impl BaseBlock {
    pub(super) fn read(reader: &impl ReadAt) -> Result<Self, HiveError> {
        let mut block = [0; LEN];
        let have = reader.len().min(LEN as u64) as usize;
        let (present, missing) = block.split_at_mut(have);
        reader.read_at(0, present).map_err(|error| HiveError::Read { offset: 0, kind: error.kind() })?;
        check_signature(present)?;
        if !missing.is_empty() {
            return Err(HiveError::Cut { offset: 0, needed: LEN as u64, left: have as u64 });
        }
        Self::parse(&block, reader.len())
    }

    fn parse(block: &[u8; LEN], file_len: u64) -> Result<Self, HiveError> {
        let words = block.as_chunks::<4>().0;
        let word = |offset: usize| words.get(offset / 4).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let (major, minor) = (word(0x14), word(0x18));
        if major != 1 || minor > 6 {
            return Err(HiveError::Version { major, minor });
        }
        // 0 is a hive; 1, 2 and 6 are logs of several generations.
        if word(0x1C) != 0 {
            return Err(HiveError::Log);
        }
        let (stated, computed) = (word(0x1FC), checksum(words));
        let (primary, secondary) = (word(0x04), word(0x08));
        let needed = CELLS_START + u64::from(word(0x28));
        let condition = if stated != computed {
            Condition::BadChecksum { stated, computed }
        } else if primary != secondary {
            Condition::Dirty { primary, secondary }
        } else if needed > file_len {
            Condition::Cut { needed, left: file_len }
        } else {
            Condition::Clean
        };
        Ok(Self { minor, root: CellRef::from_raw(word(0x24)), file_len, condition })
    }
}

fn check_signature(start: &[u8]) -> Result<(), HiveError> {
    match start.first_chunk() {
        Some(b"regf") => Ok(()),
        Some(b"CREG") => Err(HiveError::Windows9x),
        Some(found) => Err(HiveError::NotAHive { found: *found }),
        None => Err(HiveError::Cut { offset: 0, needed: LEN as u64, left: start.len() as u64 }),
    }
}

/// All 32-bit words before the checksum, each bit added without carry; the two results that would look like "never
/// written" are set aside.
fn checksum(words: &[[u8; 4]]) -> u32 {
    match words.iter().take(127).fold(0, |sum, word| sum ^ u32::from_le_bytes(*word)) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}
