//! One view of a registry, whether it lies in a hive or in an export.
//!
//! Paths are relative to the root of one hive, without a leading backslash: in SOFTWARE,
//! `Microsoft\Windows NT\CurrentVersion`.

use std::cell::RefCell;

use keystow_core::hive::{self, Hive, HiveError, Node};
use keystow_core::read::ReadAt;
use keystow_core::reg_file::{RegFile, Root};
use keystow_os::registry;

/// A registry value as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawValue {
    pub(crate) name: String,
    /// The REG_ type.
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
}

/// Why a node or value could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(transparent)]
    Hive(#[from] HiveError),
    #[error("{0}")]
    Live(#[from] std::io::Error),
}

type Result<T> = std::result::Result<T, RegistryError>;

/// What the finders of products ask of a registry.
pub(crate) trait View {
    /// The values of a node whose names are in `wanted` (any case), in the registry's order; `None` without the node.
    fn values(&self, path: &str, wanted: &[&str]) -> Result<Option<Vec<RawValue>>>;

    /// The names of the nodes below a node; empty without the node.
    fn children(&self, path: &str) -> Result<Vec<String>>;
}

/// No node that Keystow lists has more children in a real registry; a hostile one ends here.
const MOST_CHILDREN: usize = 20_000;
/// No value that Keystow reads is longer in a real registry.
const MOST_DATA: u32 = 1 << 20;

/// A hive, with the nodes that led to the last place asked for. Most questions go to neighbours of that place, and a
/// way from the root leads through the longest lists of all.
pub(crate) struct HiveView<'h, R> {
    hive: &'h Hive<R>,
    way: RefCell<Vec<(String, Node<'h, R>)>>,
}

impl<'h, R: ReadAt> HiveView<'h, R> {
    pub(crate) fn new(hive: &'h Hive<R>) -> Self {
        Self { hive, way: RefCell::default() }
    }

    /// Goes to a node and asks it; `None` without the node.
    fn at<T>(&self, path: &str, ask: impl FnOnce(&Node<'h, R>) -> Result<T>) -> Result<Option<T>> {
        let names = || path.split('\\').filter(|name| !name.is_empty());
        let mut way = self.way.borrow_mut();
        let known = way.iter().zip(names()).take_while(|((known, _), name)| known == name).count();
        way.truncate(known);
        for name in names().skip(known) {
            let child = match way.last() {
                Some((_, parent)) => parent.child(name)?,
                None => self.hive.root()?.child(name)?,
            };
            let Some(child) = child else { return Ok(None) };
            way.push((name.to_owned(), child));
        }
        match way.last() {
            Some((_, node)) => ask(node).map(Some),
            None => ask(&self.hive.root()?).map(Some),
        }
    }
}

impl<R: ReadAt> View for HiveView<'_, R> {
    fn values(&self, path: &str, wanted: &[&str]) -> Result<Option<Vec<RawValue>>> {
        self.at(path, |node| {
            let mut found = Vec::with_capacity(wanted.len());
            for value in node.values() {
                let value = value?;
                if wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(value.name())) && value.len() <= MOST_DATA {
                    found.push(RawValue {
                        kind: value.kind().raw(),
                        data: value.data()?,
                        name: value.name().to_owned(),
                    });
                }
            }
            Ok(found)
        })
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let names = self
            .at(path, |node| node.children().take(MOST_CHILDREN).map(|child| Ok(child?.name().to_owned())).collect())?;
        Ok(names.unwrap_or_default())
    }
}

/// One hive's part of a registry export.
pub(crate) struct Export<'a> {
    pub(crate) file: &'a RegFile,
    pub(crate) root: Root,
    /// The path of the hive below the root; empty for the root itself.
    pub(crate) prefix: &'static str,
}

impl Export<'_> {
    fn path(&self, path: &str) -> String {
        let parts = [self.prefix, path];
        parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("\\")
    }
}

impl View for Export<'_> {
    fn values(&self, path: &str, wanted: &[&str]) -> Result<Option<Vec<RawValue>>> {
        let Some(node) = self.file.node(self.root, &self.path(path)) else { return Ok(None) };
        let wanted =
            node.values.iter().filter(|value| wanted.iter().any(|name| name.eq_ignore_ascii_case(&value.name)));
        let raw =
            wanted.map(|value| RawValue { name: value.name.clone(), kind: value.kind, data: value.data().to_vec() });
        Ok(Some(raw.collect()))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let children = self.file.children(self.root, &self.path(path));
        Ok(children.into_iter().take(MOST_CHILDREN).map(str::to_owned).collect())
    }
}

/// One hive's part of the registry of the Windows that runs, in the 64-bit view.
pub(crate) struct Live {
    /// `SOFTWARE` or `SYSTEM`.
    pub(crate) hive: &'static str,
}

impl Live {
    fn path(&self, path: &str) -> String {
        if path.is_empty() { self.hive.to_owned() } else { format!("{}\\{path}", self.hive) }
    }
}

impl View for Live {
    fn values(&self, path: &str, wanted: &[&str]) -> Result<Option<Vec<RawValue>>> {
        let values = registry::values(registry::Root::LocalMachine, &self.path(path), wanted)?;
        let raw = |value: registry::Value| RawValue { name: value.name, kind: value.kind, data: value.data };
        Ok(values.map(|values| values.into_iter().map(raw).collect()))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        Ok(registry::children(registry::Root::LocalMachine, &self.path(path), MOST_CHILDREN)?)
    }
}

impl RawValue {
    /// The text of a string value, up to its end.
    pub(crate) fn text(&self) -> String {
        crate::finding::hide_controls(&hive::first_text(&self.data))
    }
}

/// Finds a value by name in what [`View::values`] gave.
pub(crate) fn named<'a>(values: &'a [RawValue], name: &str) -> Option<&'a RawValue> {
    values.iter().find(|value| value.name.eq_ignore_ascii_case(name))
}
