//! Subkey lists: which nodes hang on a node.
//!
//! There are four kinds: `li` holds references, `lf` and `lh` hold references with a hint of the name, `ri` holds
//! references to lists of the other kinds. Windows never nests `ri` lists, but other writers may; a few levels are
//! followed.

use super::cell::{Cell, CellRef, Cells, u16_at};
use super::error::HiveError;
use super::name;
use crate::read::ReadAt;

/// How many lists may stand inside each other.
const MAX_NESTING: usize = 4;
/// The signature and the count in front of the elements.
const HEADER: u32 = 4;
/// The least that a node takes: its size and 76 bytes of fields.
const NODE_SIZE: u64 = 80;

/// Runs over the nodes in a list, whatever its kind.
pub(super) struct Entries<'h, R> {
    cells: &'h Cells<R>,
    /// The outermost list, until the first step opens it; or why there is none.
    outermost: Option<Result<CellRef, HiveError>>,
    /// The lists that are open, the innermost last.
    open: Vec<List>,
    /// How many entries may still come: a hive has no more nodes than fit in it.
    budget: u64,
}

/// A node in a list, not looked at yet.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) node: CellRef,
    hint: Hint,
}

#[derive(Clone, Copy)]
enum Hint {
    Hash(u32),
    None,
    Start([u8; 4]),
}

struct List {
    cell: Cell,
    kind: Kind,
    count: u32,
    next: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `lf`: references with the first four characters of the name.
    Fast,
    /// `lh`: references with a hash of the name.
    Hash,
    /// `ri`: references to lists.
    Index,
    /// `li`: references alone.
    Leaf,
}

impl Entry {
    /// Whether the node behind this entry can have the name, as far as the list tells. `hash` is the name's.
    pub(super) fn may_be(&self, name: &str, hash: Option<u32>) -> bool {
        match self.hint {
            Hint::Hash(found) => hash.is_none_or(|hash| hash == found),
            Hint::None => true,
            Hint::Start(found) => name::fits_hint(name, found),
        }
    }
}

impl<'h, R: ReadAt> Entries<'h, R> {
    /// The entries of a list; of none for a node without children.
    pub(super) fn new(cells: &'h Cells<R>, list: Option<Result<CellRef, HiveError>>) -> Self {
        Self { cells, outermost: list, open: Vec::new(), budget: cells.capacity() / NODE_SIZE + 1 }
    }

    /// Steps to the next entry; `None` at the end of the outermost list.
    fn step(&mut self) -> Result<Option<Entry>, HiveError> {
        if let Some(list) = self.outermost.take() {
            self.open.push(List::read(self.cells, list?)?);
        }
        while let Some(list) = self.open.last_mut() {
            let Some((at, raw)) = list.advance(self.cells)? else {
                self.open.pop();
                continue;
            };
            let target = CellRef::from_raw(raw).ok_or(HiveError::NoCell { offset: list.cell.start })?;
            if list.kind != Kind::Index {
                let hint = list.hint(self.cells, at)?;
                return Ok(Some(Entry { node: target, hint }));
            }
            if self.open.len() == MAX_NESTING {
                return Err(HiveError::TooDeep { offset: target.offset() });
            }
            self.open.push(List::read(self.cells, target)?);
        }
        Ok(None)
    }
}

impl<R: ReadAt> Iterator for Entries<'_, R> {
    type Item = Result<Entry, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Every step yields an entry, an error or the end, so that the budget bounds the work as well.
        let Some(budget) = self.budget.checked_sub(1) else {
            let outermost = self.open.drain(..).next()?;
            return Some(Err(HiveError::TooMany { offset: outermost.cell.start }));
        };
        self.budget = budget;
        self.step().transpose()
    }
}

impl List {
    fn read<R: ReadAt>(cells: &Cells<R>, at: CellRef) -> Result<Self, HiveError> {
        let cell = cells.cell(at)?;
        let header: [u8; HEADER as usize] = cells.field(cell, 0)?;
        let kind = match &header {
            [b'l', b'f', ..] => Kind::Fast,
            [b'l', b'h', ..] => Kind::Hash,
            [b'r', b'i', ..] => Kind::Index,
            [b'l', b'i', ..] => Kind::Leaf,
            [first, second, ..] => {
                let expected = b"lf, lh, li or ri";
                return Err(HiveError::Signature { offset: cell.start, expected, found: [*first, *second] });
            }
        };
        let count = u32::from(u16_at(&header, 2));
        if count == 0 {
            Err(HiveError::EmptyList { offset: cell.start })
        } else {
            Ok(Self { cell, kind, count, next: 0 })
        }
    }

    /// The next element: where it is in the cell, and its reference.
    fn advance<R: ReadAt>(&mut self, cells: &Cells<R>) -> Result<Option<(u32, u32)>, HiveError> {
        if self.next >= self.count {
            return Ok(None);
        }
        let at = HEADER + self.next * self.kind.element_size();
        self.next += 1;
        // What follows a place that cannot be read cannot be read either.
        let raw = cells.field(self.cell, at).inspect_err(|_| self.next = self.count)?;
        Ok(Some((at, u32::from_le_bytes(raw))))
    }

    /// What the list says of the name of the node whose element is at `at`.
    fn hint<R: ReadAt>(&self, cells: &Cells<R>, at: u32) -> Result<Hint, HiveError> {
        Ok(match self.kind {
            Kind::Fast => Hint::Start(cells.field(self.cell, at + 4)?),
            Kind::Hash => Hint::Hash(u32::from_le_bytes(cells.field(self.cell, at + 4)?)),
            Kind::Index | Kind::Leaf => Hint::None,
        })
    }
}

impl Kind {
    fn element_size(self) -> u32 {
        match self {
            Self::Fast | Self::Hash => 8,
            Self::Index | Self::Leaf => 4,
        }
    }
}
