//! Values: a name, a kind and data.

use super::cell::{Cell, CellRef, Cells, u16_at, u32_at};
use super::error::HiveError;
use super::{name, text};
use crate::read::ReadAt;

/// The length of a value's fields, which its name follows.
const FIELDS: usize = 20;
/// This flag says that the name is Latin-1, one byte a character.
const COMPRESSED_NAME: u16 = 1;
/// The top bit of the length says that the data stands in the value itself, in place of a reference.
const RESIDENT: u32 = 1 << 31;
/// The most that one cell holds of big data, in bytes.
const SEGMENT: u32 = 16344;

/// One value. Its data is read when it is asked for.
pub struct Value<'h, R> {
    cells: &'h Cells<R>,
    at: CellRef,
    name: String,
    fields: [u8; FIELDS],
}

/// The kind of a value: the `REG_` types of Windows. Nothing but the writer's word says that the data is of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of Windows, without REG_")]
pub enum ValueKind {
    None,
    Sz,
    ExpandSz,
    Binary,
    Dword,
    DwordBigEndian,
    Link,
    MultiSz,
    ResourceList,
    FullResourceDescriptor,
    ResourceRequirementsList,
    Qword,
    /// Any other number.
    Other(u32),
}

/// In the order of their numbers, from 0.
const KINDS: [ValueKind; 12] = [
    ValueKind::None,
    ValueKind::Sz,
    ValueKind::ExpandSz,
    ValueKind::Binary,
    ValueKind::Dword,
    ValueKind::DwordBigEndian,
    ValueKind::Link,
    ValueKind::MultiSz,
    ValueKind::ResourceList,
    ValueKind::FullResourceDescriptor,
    ValueKind::ResourceRequirementsList,
    ValueKind::Qword,
];

impl ValueKind {
    /// The kind with this number.
    #[must_use]
    pub fn from_raw(raw: u32) -> Self {
        KINDS.get(raw as usize).copied().unwrap_or(Self::Other(raw))
    }

    /// The number that Windows has for this kind.
    #[must_use]
    pub fn raw(self) -> u32 {
        match self {
            Self::Other(raw) => raw,
            known => (0..).zip(KINDS).find_map(|(raw, kind)| (kind == known).then_some(raw)).unwrap_or_default(),
        }
    }
}

impl<'h, R: ReadAt> Value<'h, R> {
    pub(super) fn read(cells: &'h Cells<R>, at: CellRef) -> Result<Self, HiveError> {
        let cell = cells.cell(at)?;
        let fields: [u8; FIELDS] = cells.field(cell, 0)?;
        if let [first, second, ..] = fields
            && [first, second] != *b"vk"
        {
            return Err(HiveError::Signature { offset: cell.start, expected: b"vk", found: [first, second] });
        }
        let stored = cells.bytes(cell, FIELDS as u32, u16_at(&fields, 2).into())?;
        let name = name::decode(&stored, u16_at(&fields, 16) & COMPRESSED_NAME != 0);
        Ok(Self { cells, at, name, fields })
    }

    /// The name; empty for the default value.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind that the writer gave it.
    #[must_use]
    pub fn kind(&self) -> ValueKind {
        ValueKind::from_raw(u32_at(&self.fields, 12))
    }

    /// The length of the data in bytes, as stated; reading it is what proves it.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.stated_len() & !RESIDENT
    }

    /// Whether there is no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the value's cell is, from the start of the file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at.offset()
    }

    /// The data, whole.
    ///
    /// # Errors
    ///
    /// Any [`HiveError`] that stands where the data should be. No more memory is asked for than the hive has bytes.
    pub fn data(&self) -> Result<Vec<u8>, HiveError> {
        let len = self.len();
        if self.stated_len() & RESIDENT != 0 {
            let data = self.fields.get(8..12).and_then(|place| place.get(..len as usize));
            return data.map(<[u8]>::to_vec).ok_or(HiveError::ValueSize { offset: self.offset(), found: len });
        }
        if len == 0 {
            return Ok(Vec::new());
        }
        if u64::from(len) > self.cells.capacity() {
            return Err(HiveError::ValueSize { offset: self.offset(), found: len });
        }
        let at = CellRef::from_raw(u32_at(&self.fields, 8)).ok_or(HiveError::NoCell { offset: self.offset() })?;
        let cell = self.cells.cell(at)?;
        // Some writers put big data in one cell whatever the format, so a cell that holds it all is taken at its size.
        if self.cells.splits_big_data && len > SEGMENT && len > cell.len {
            self.big_data(cell, len)
        } else {
            self.cells.bytes(cell, 0, len)
        }
    }

    /// The text of a `REG_SZ` or `REG_EXPAND_SZ` value, up to its NUL; the first text of a `REG_MULTI_SZ` value; `None`
    /// for other kinds.
    ///
    /// # Errors
    ///
    /// Those of [`data`](Self::data).
    pub fn text(&self) -> Result<Option<String>, HiveError> {
        match self.kind() {
            ValueKind::Sz | ValueKind::ExpandSz | ValueKind::MultiSz => Ok(Some(text::first_text(&self.data()?))),
            _ => Ok(None),
        }
    }

    /// The number of a `REG_DWORD` value, in either byte order; `None` for other kinds and other lengths.
    ///
    /// # Errors
    ///
    /// Those of [`data`](Self::data).
    pub fn dword(&self) -> Result<Option<u32>, HiveError> {
        let number = match self.kind() {
            ValueKind::Dword => u32::from_le_bytes,
            ValueKind::DwordBigEndian => u32::from_be_bytes,
            _ => return Ok(None),
        };
        Ok(if self.len() == 4 { self.data()?.first_chunk().copied().map(number) } else { None })
    }

    /// Joins the segments of big data: a `db` cell leads to a list, and the list to the segments.
    fn big_data(&self, cell: Cell, len: u32) -> Result<Vec<u8>, HiveError> {
        let header: [u8; 8] = self.cells.field(cell, 0)?;
        if let [first, second, ..] = header
            && [first, second] != *b"db"
        {
            return Err(HiveError::Signature { offset: cell.start, expected: b"db", found: [first, second] });
        }
        let offset = cell.start;
        let reference = |raw| CellRef::from_raw(raw).ok_or(HiveError::NoCell { offset });
        let held = u32::from(u16_at(&header, 2)) * SEGMENT;
        if held < len {
            return Err(HiveError::Cut { offset, needed: len.into(), left: held.into() });
        }
        let list = self.cells.cell(reference(u32_at(&header, 4))?)?;
        let mut data = vec![0; len as usize];
        for (index, part) in (0..).zip(data.chunks_mut(SEGMENT as usize)) {
            let segment = u32::from_le_bytes(self.cells.field(list, index * 4)?);
            self.cells.fill(self.cells.cell(reference(segment)?)?, 0, part)?;
        }
        Ok(data)
    }

    fn stated_len(&self) -> u32 {
        u32_at(&self.fields, 4)
    }
}
