//! Cells: the numbered pieces of which a hive is made.
//!
//! Input is a reference from another cell; output is a cell that lies within the hive, and fields out of it. A cell
//! states its size in front, negative while it is in use. Bins, which group cells, are not looked at: a check of each
//! bin would read one more page for every cell and would find nothing that the checks here do not.

use super::base_block::{BaseBlock, CELLS_START};
use super::error::HiveError;
use crate::read::{PageCache, ReadAt};

/// The length of a bin's own header; the first cell lies behind the first one.
const BIN_HEADER: u64 = 32;

/// Where a cell is, counted from the end of the base block's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CellRef(u32);

/// A cell in use. It lies wholly within the hive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Where its content begins, from the start of the file.
    pub(super) start: u64,
    /// The length of its content in bytes, padding included.
    pub(super) len: u32,
}

/// All cells of a hive.
pub(super) struct Cells<R> {
    pages: PageCache<R>,
    end: u64,
    /// The length of what stands before a cell's content.
    header: u32,
    /// Whether values over 16344 bytes are split over several cells.
    pub(super) splits_big_data: bool,
}

impl CellRef {
    /// Takes the raw field: `None` for 0xFFFF_FFFF, which means "no cell".
    pub(super) fn from_raw(raw: u32) -> Option<Self> {
        (raw != u32::MAX).then_some(Self(raw))
    }

    /// Where the cell is, from the start of the file.
    pub(super) fn offset(self) -> u64 {
        CELLS_START + u64::from(self.0)
    }
}

impl<R: ReadAt> Cells<R> {
    pub(super) fn new(reader: R, base: &BaseBlock) -> Self {
        Self {
            pages: PageCache::new(reader),
            end: base.file_len,
            // Up to format 1.1 (Windows NT 3.1) the size is followed by a reference to the cell before. No real hive of
            // that age was at hand.
            header: if base.minor <= 1 { 8 } else { 4 },
            splits_big_data: base.minor >= 4,
        }
    }

    /// Goes to a cell.
    ///
    /// A free cell is an error, as it is to Windows when it checks a hive: it may hold a deleted product key, and
    /// showing that as if it were there would be worse than saying that the place is damaged.
    pub(super) fn cell(&self, at: CellRef) -> Result<Cell, HiveError> {
        let offset = at.offset();
        if !offset.is_multiple_of(8) || offset < CELLS_START + BIN_HEADER || offset >= self.end {
            return Err(HiveError::OutOfReach { offset, end: self.end });
        }
        let left = self.end - offset;
        if left < u64::from(self.header) {
            return Err(HiveError::Cut { offset, needed: self.header.into(), left });
        }
        let mut raw = [0; 4];
        self.read(offset, &mut raw)?;
        let size = i32::from_le_bytes(raw);
        let found = size.unsigned_abs();
        if !found.is_multiple_of(8) || found <= self.header {
            return Err(HiveError::CellSize { offset, found });
        }
        if size > 0 {
            return Err(HiveError::Free { offset });
        }
        if u64::from(found) > left {
            return Err(HiveError::Cut { offset, needed: found.into(), left });
        }
        Ok(Cell { start: offset + u64::from(self.header), len: found - self.header })
    }

    /// Reads `N` bytes at `at` of a cell's content.
    pub(super) fn field<const N: usize>(&self, cell: Cell, at: u32) -> Result<[u8; N], HiveError> {
        let mut field = [0; N];
        self.fill(cell, at, &mut field)?;
        Ok(field)
    }

    /// Reads `len` bytes at `at` of a cell's content.
    pub(super) fn bytes(&self, cell: Cell, at: u32, len: u32) -> Result<Vec<u8>, HiveError> {
        // The memory is asked for only after the cell is known to hold as much.
        cell.check(at, len.into())?;
        let mut bytes = vec![0; len as usize];
        self.fill(cell, at, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buf` from `at` of a cell's content.
    pub(super) fn fill(&self, cell: Cell, at: u32, buf: &mut [u8]) -> Result<(), HiveError> {
        cell.check(at, buf.len() as u64)?;
        self.read(cell.start + u64::from(at), buf)
    }

    /// How many bytes of cells there are: what the hive can hold at most.
    pub(super) fn capacity(&self) -> u64 {
        self.end.saturating_sub(CELLS_START)
    }

    pub(super) fn pages_read(&self) -> u64 {
        self.pages.pages_read()
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), HiveError> {
        self.pages.read_at(offset, buf).map_err(|error| HiveError::Read { offset, kind: error.kind() })
    }
}

impl Cell {
    /// Whether `needed` bytes at `at` lie within the content.
    fn check(self, at: u32, needed: u64) -> Result<(), HiveError> {
        let left = u64::from(self.len.saturating_sub(at));
        let offset = self.start + u64::from(at);
        if needed > left { Err(HiveError::Cut { offset, needed, left }) } else { Ok(()) }
    }
}

/// The 16-bit number at `at` of a structure; 0 behind its end.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |raw| u16::from_le_bytes(*raw))
}

/// The 32-bit number at `at` of a structure; 0 behind its end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |raw| u32::from_le_bytes(*raw))
}

/// The 64-bit number at `at` of a structure; 0 behind its end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |raw| u64::from_le_bytes(*raw))
}
