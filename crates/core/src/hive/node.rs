//! Nodes: what the registry editor shows as folders.

use super::cell::{Cell, CellRef, Cells, u16_at, u32_at, u64_at};
use super::error::HiveError;
use super::list::Entries;
use super::name;
use super::value::Value;
use crate::read::ReadAt;

/// The length of a node's fields, which its name follows.
const FIELDS: usize = 76;
/// This flag says that the name is Latin-1, one byte a character.
const COMPRESSED_NAME: u16 = 0x20;

/// One node of a hive. Its children and values are read when they are asked for.
pub struct Node<'h, R> {
    cells: &'h Cells<R>,
    at: CellRef,
    name: String,
    fields: [u8; FIELDS],
}

impl<'h, R: ReadAt> Node<'h, R> {
    pub(super) fn read(cells: &'h Cells<R>, at: CellRef) -> Result<Self, HiveError> {
        let cell = cells.cell(at)?;
        let fields: [u8; FIELDS] = cells.field(cell, 0)?;
        if let [first, second, ..] = fields
            && [first, second] != *b"nk"
        {
            return Err(HiveError::Signature { offset: cell.start, expected: b"nk", found: [first, second] });
        }
        let stored = cells.bytes(cell, FIELDS as u32, u16_at(&fields, 72).into())?;
        let name = name::decode(&stored, u16_at(&fields, 2) & COMPRESSED_NAME != 0);
        Ok(Self { cells, at, name, fields })
    }

    /// The name. That of a root node means nothing: a path inside a hive begins below it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the node or one of its values was last written, as a Windows file time: 100 ns steps since 1601-01-01 UTC.
    #[must_use]
    pub fn last_written(&self) -> u64 {
        u64_at(&self.fields, 4)
    }

    /// Where the node's cell is, from the start of the file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at.offset()
    }

    /// Finds a child by name, upper and lower case alike; `None` means that there is none. Only nodes whose hash or
    /// hint in the list fits the name are read.
    ///
    /// # Errors
    ///
    /// Whatever a list or node says that cannot be read, when the child is not found elsewhere: it may have been there.
    pub fn child(&self, name: &str) -> Result<Option<Self>, HiveError> {
        let hash = name::hash(name);
        let fits = self.entries().filter(|entry| entry.as_ref().map_or(true, |entry| entry.may_be(name, hash)));
        let nodes = fits.map(|entry| Node::read(self.cells, entry?.node));
        first(nodes, |node| name::same(&node.name, name))
    }

    /// The children, in the order of the list, which is that of the names when Windows wrote it. An item that is an
    /// error stands for one or more children that cannot be read; the others follow.
    #[must_use]
    pub fn children(&self) -> Children<'h, R> {
        Children { cells: self.cells, entries: self.entries() }
    }

    /// Finds a value by name, upper and lower case alike; the empty name is the default value. No data is read.
    ///
    /// # Errors
    ///
    /// Whatever the list or a value in it says that cannot be read, when the value is not found elsewhere.
    pub fn value(&self, name: &str) -> Result<Option<Value<'h, R>>, HiveError> {
        first(self.values(), |value| name::same(value.name(), name))
    }

    /// The values, in the order in which they were made. An item that is an error stands for one or more values that
    /// cannot be read; the others follow.
    #[must_use]
    pub fn values(&self) -> Values<'h, R> {
        let count = u32_at(&self.fields, 36);
        let list = (count != 0).then(|| self.reference(40).and_then(|list| self.cells.cell(list)));
        Values { cells: self.cells, list, count, next: 0 }
    }

    fn entries(&self) -> Entries<'h, R> {
        let count = u32_at(&self.fields, 20);
        Entries::new(self.cells, (count != 0).then(|| self.reference(28)))
    }

    fn reference(&self, at: usize) -> Result<CellRef, HiveError> {
        CellRef::from_raw(u32_at(&self.fields, at)).ok_or(HiveError::NoCell { offset: self.offset() })
    }
}

/// The children of a node; see [`Node::children`].
pub struct Children<'h, R> {
    cells: &'h Cells<R>,
    entries: Entries<'h, R>,
}

impl<'h, R: ReadAt> Iterator for Children<'h, R> {
    type Item = Result<Node<'h, R>, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.entries.next()?.and_then(|entry| Node::read(self.cells, entry.node)))
    }
}

/// The values of a node; see [`Node::values`].
pub struct Values<'h, R> {
    cells: &'h Cells<R>,
    list: Option<Result<Cell, HiveError>>,
    count: u32,
    next: u32,
}

impl<'h, R: ReadAt> Iterator for Values<'h, R> {
    type Item = Result<Value<'h, R>, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let at = self.next.saturating_mul(4);
        self.next += 1;
        // Behind a place of the list that cannot be read there is nothing to be read either.
        let read = self.list.clone()?.and_then(|list| Ok((list.start, self.cells.field(list, at)?)));
        let (offset, raw) = match read {
            Ok(element) => element,
            Err(error) => {
                self.list = None;
                return Some(Err(error));
            }
        };
        let at = CellRef::from_raw(u32::from_le_bytes(raw)).ok_or(HiveError::NoCell { offset });
        Some(at.and_then(|at| Value::read(self.cells, at)))
    }
}

/// The first item that is wanted. An error on the way counts only when nothing is found.
fn first<T>(
    items: impl Iterator<Item = Result<T, HiveError>>,
    wanted: impl Fn(&T) -> bool,
) -> Result<Option<T>, HiveError> {
    let mut failed = None;
    for item in items {
        match item {
            Ok(item) if wanted(&item) => return Ok(Some(item)),
            Ok(_) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(None), Err)
}
