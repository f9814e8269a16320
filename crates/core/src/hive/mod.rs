//! Registry hives: the files in which Windows NT and later keep the registry.
//!
//! Input is anything that can be read at an offset; output is nodes and values. A hive is never loaded whole: finding
//! one node among a hundred thousand reads a dozen pages of 4 KiB. Nothing here writes, follows symbolic links or
//! reads security descriptors and class names. Transaction logs are not replayed here: a hive that was not closed
//! properly is read as it lies, and [`Hive::condition`] says so.
//!
//! An offset in an error counts from the start of the file, in bytes. All numbers in a hive are little-endian.
//!
//! Sources: no documentation by Microsoft; Maxim Suhanov, "Windows registry file format specification"; Joachim Metz,
//! "Windows NT Registry File (REGF) format specification"; real hives of Windows NT 4.0 to Windows 11
//! (`peers/tests/hives.rs`).

mod base_block;
mod cell;
mod error;
mod list;
mod name;
mod node;
mod text;
mod value;
mod walk;

#[cfg(test)]
mod tests;

use crate::read::ReadAt;

pub use base_block::Condition;
pub use error::HiveError;
pub use node::{Children, Node, Values};
pub use text::{first_text, utf16le};
pub use value::{Value, ValueKind};
pub use walk::Walk;

use base_block::BaseBlock;
use cell::Cells;

/// How deep a registry path may be, the root not counted. Windows allows 512 levels.
pub const MAX_DEPTH: usize = 512;

/// One open hive.
pub struct Hive<R> {
    base: BaseBlock,
    cells: Cells<R>,
}

impl<R: ReadAt> Hive<R> {
    /// Opens a hive: reads its first 512 bytes, nothing more.
    ///
    /// # Errors
    ///
    /// [`HiveError::NotAHive`], [`HiveError::Windows9x`], [`HiveError::Log`] or [`HiveError::Version`] when this is no
    /// hive that can be read; [`HiveError::Cut`] or [`HiveError::Read`] when the bytes cannot be had. A wrong checksum
    /// and different sequence numbers are no errors; see [`condition`](Self::condition).
    pub fn open(reader: R) -> Result<Self, HiveError> {
        let base = BaseBlock::read(&reader)?;
        let cells = Cells::new(reader, &base);
        Ok(Self { base, cells })
    }

    /// Whether the hive was closed properly and is whole.
    pub fn condition(&self) -> Condition {
        self.base.condition
    }

    /// The minor format version, 0 to 6; the major one is 1.
    pub fn minor_version(&self) -> u32 {
        self.base.minor
    }

    /// The root node. Paths inside a hive begin below it: in a SOFTWARE hive, `Microsoft` is its child.
    ///
    /// # Errors
    ///
    /// Any [`HiveError`] that stands at the root's cell.
    pub fn root(&self) -> Result<Node<'_, R>, HiveError> {
        let root = self.base.root.ok_or(HiveError::Root)?;
        Node::read(&self.cells, root)
    }

    /// Finds a node by its path from the root, names divided by backslashes, upper and lower case alike. The empty
    /// path is the root; `None` means that there is no such node.
    ///
    /// # Errors
    ///
    /// [`HiveError::TooDeep`] for more than [`MAX_DEPTH`] names, and whatever [`Node::child`] meets on the way.
    pub fn node(&self, path: &str) -> Result<Option<Node<'_, R>>, HiveError> {
        let mut node = self.root()?;
        for (depth, name) in path.split('\\').filter(|name| !name.is_empty()).enumerate() {
            if depth == MAX_DEPTH {
                return Err(HiveError::TooDeep { offset: node.offset() });
            }
            match node.child(name)? {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    /// Every node that hangs on the root, each once, parents before children.
    pub fn walk(&self) -> Walk<'_, R> {
        Walk::new(self)
    }

    /// How many pages of 4 KiB were read so far, the base block not counted; see
    /// [`PageCache::pages_read`](crate::read::PageCache::pages_read).
    pub fn pages_read(&self) -> u64 {
        self.cells.pages_read()
    }
}
