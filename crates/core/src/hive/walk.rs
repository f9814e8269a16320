//! A walk over all nodes of a hive.

use std::collections::HashSet;

use super::base_block::CELLS_START;
use super::error::HiveError;
use super::node::{Children, Node};
use super::{Hive, MAX_DEPTH};
use crate::read::ReadAt;

/// The least that an element of a list takes, in bytes.
const ELEMENT_SIZE: u64 = 4;

/// Every node of a hive, parents before children; see [`Hive::walk`].
///
/// A node that is met twice is an error and is not entered again, so the walk ends in every hive. What cannot be read
/// is an error as well; the rest follows.
pub struct Walk<'h, R> {
    hive: &'h Hive<R>,
    started: bool,
    open: Vec<Level<'h, R>>,
    path: String,
    met: HashSet<u64>,
    /// How many items may still come: as many as all lists of the hive can have elements.
    budget: u64,
}

struct Level<'h, R> {
    children: Children<'h, R>,
    /// How much of the path leads to the parent of these children, in bytes.
    path_len: usize,
}

impl<'h, R: ReadAt> Walk<'h, R> {
    pub(super) fn new(hive: &'h Hive<R>) -> Self {
        let budget = hive.cells.capacity() / ELEMENT_SIZE + 1;
        Self { hive, started: false, open: Vec::new(), path: String::new(), met: HashSet::new(), budget }
    }

    /// The path of the node that came last, names divided by backslashes; empty for the root. After an error, the path
    /// of the node whose children could not be read.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Notes the node and opens its list of children.
    fn enter(&mut self, node: Node<'h, R>) -> Result<Node<'h, R>, HiveError> {
        let offset = node.offset();
        if !self.met.insert(offset) {
            return Err(HiveError::Cycle { offset });
        }
        if self.open.len() > MAX_DEPTH {
            return Err(HiveError::TooDeep { offset });
        }
        if !self.open.is_empty() {
            if !self.path.is_empty() {
                self.path.push('\\');
            }
            self.path.push_str(node.name());
        }
        self.open.push(Level { children: node.children(), path_len: self.path.len() });
        Ok(node)
    }
}

impl<'h, R: ReadAt> Iterator for Walk<'h, R> {
    type Item = Result<Node<'h, R>, HiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.started {
            self.started = true;
            return Some(self.hive.root().and_then(|root| self.enter(root)));
        }
        let child = loop {
            let level = self.open.last_mut()?;
            self.path.truncate(level.path_len);
            match level.children.next() {
                Some(child) => break child,
                None => self.open.pop(),
            };
        };
        let Some(budget) = self.budget.checked_sub(1) else {
            self.open.clear();
            return Some(Err(HiveError::TooMany { offset: CELLS_START }));
        };
        self.budget = budget;
        Some(child.and_then(|node| self.enter(node)))
    }
}
