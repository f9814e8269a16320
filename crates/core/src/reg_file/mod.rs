//! Registry exports: `.reg` files.
//!
//! Input is a whole file as bytes, in any encoding, or a piece of one down to a single pasted value line; output is
//! the nodes and values it describes, the data as it would lie in a hive, and a list of what could not be read. A
//! later section of the same node adds to it or deletes from it, as when regedit takes the file in. Nothing here
//! knows what a value means.
//!
//! Sources: Microsoft, "How to add, modify, or delete registry subkeys and values by using a .reg file"; for comments,
//! escapes and `str(N)`, exports that regedit since Windows XP and hivexregedit wrote.

mod data;
mod statement;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::key_text::decode;
use statement::{Statement, Statements};

/// At most this many problems are listed, so that a long file of another kind does not become a longer list.
pub const MAX_PROBLEMS: usize = 1000;

/// What a registry export holds, after all its sections were applied in order.
#[derive(Debug)]
pub struct RegFile {
    nodes: Vec<RegNode>,
    /// Where a node lies in `nodes`, by root and folded path.
    index: BTreeMap<(Root, String), usize>,
    problems: Vec<RegFileProblem>,
}

/// The root that a section names. Abbreviations (`HKLM`) and full names give the same root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// `HKEY_CLASSES_ROOT`, `HKCR`.
    ClassesRoot,
    /// `HKEY_CURRENT_CONFIG`, `HKCC`.
    CurrentConfig,
    /// `HKEY_CURRENT_USER`, `HKCU`.
    CurrentUser,
    /// `HKEY_LOCAL_MACHINE`, `HKLM`.
    LocalMachine,
    /// None of the known ones: a pasted value without its section, or a path that starts elsewhere.
    Unnamed,
    /// `HKEY_USERS`, `HKU`.
    Users,
}

/// One node with its values, in the order of the file.
#[derive(Debug)]
pub struct RegNode {
    /// The root that the path starts from.
    pub root: Root,
    /// The path below the root, spelled as in the file, parts separated by `\`; empty for the root itself.
    pub path: String,
    /// The line of its first section, from 1.
    pub line: usize,
    /// The values that are left after all sections of this node, in the order in which they were last set.
    pub values: Vec<RegValue>,
}

/// One value. The data may hold a product key: it is cleared on drop and never printed.
pub struct RegValue {
    /// The name as in the file; empty for the default value.
    pub name: String,
    /// The registry type number: 1 `REG_SZ`, 3 `REG_BINARY`, 4 `REG_DWORD`, and so on.
    pub kind: u32,
    /// The line where it starts, from 1.
    pub line: usize,
    data: Zeroizing<Vec<u8>>,
}

/// Why a file is no registry export.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RegFileError {
    #[error("no registry export: {lines} lines hold neither its header, nor a registry path, nor a value")]
    NotAnExport { lines: usize },
}

/// What one line kept from being read; the rest of the file is there. Lines count from 1.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RegFileProblem {
    #[error("line {line}: the file ends inside this value; {read} bytes of it are there")]
    Cut { line: usize, read: usize },
    #[error("line {line}: a dword needs 1 to 8 hexadecimal digits, here are {found}")]
    Dword { line: usize, found: usize },
    #[error("line {line}: bytes are pairs of hexadecimal digits between commas, here is {found:?}")]
    Hex { line: usize, found: char },
    #[error("line {line}: the name of the value has no closing quote and equals sign")]
    Name { line: usize },
    #[error("line {line}: the section has no closing bracket; its values are left out")]
    Section { line: usize },
    #[error("line {line}: this is neither a section, nor a value, nor a comment")]
    Statement { line: usize },
    #[error("line {line}: the text has no closing quote at the end of a line")]
    Text { line: usize },
    #[error("line {line}: the type of the data is none that registry exports use")]
    Type { line: usize },
}

impl RegFile {
    /// Reads a registry export of version 4 (`REGEDIT4`) or 5, or a piece of one without its header.
    ///
    /// # Errors
    ///
    /// [`RegFileError::NotAnExport`] when there is no header, and no line is a value or names a registry root. All
    /// else becomes a [`RegFileProblem`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RegFileError> {
        let text = decode(bytes);
        let mut statements = Statements::new(&text);
        let mut build = Build::default();
        while let Some((line, statement)) = statements.next() {
            build.apply(line, statement);
        }
        build.finish().ok_or(RegFileError::NotAnExport { lines: statements.line() })
    }

    /// The nodes, in the order of their first sections.
    #[must_use]
    pub fn nodes(&self) -> &[RegNode] {
        &self.nodes
    }

    /// What could not be read, in the order of the file, [`MAX_PROBLEMS`] at most.
    #[must_use]
    pub fn problems(&self) -> &[RegFileProblem] {
        &self.problems
    }

    /// The node at `path` below `root`, upper and lower case alike. A node that only appears as part of a longer
    /// path is not there.
    #[must_use]
    pub fn node(&self, root: Root, path: &str) -> Option<&RegNode> {
        self.index.get(&(root, fold(path))).and_then(|at| self.nodes.get(*at))
    }

    /// The names of the nodes right below `path`, also those that only appear as part of a longer path, sorted
    /// without regard to case.
    #[must_use]
    pub fn children(&self, root: Root, path: &str) -> Vec<&str> {
        let depth = if path.is_empty() { 0 } else { path.split('\\').count() };
        let names =
            below(&self.index, root, &fold(path)).filter_map(|at| self.nodes.get(at)?.path.split('\\').nth(depth));
        let mut children: Vec<&str> = Vec::new();
        for name in names.filter(|name| !name.is_empty()) {
            // The index is sorted, so that all nodes below one child follow each other.
            if children.last().is_none_or(|last| fold(last) != fold(name)) {
                children.push(name);
            }
        }
        children.sort_by_key(|name| fold(name));
        children.dedup_by_key(|name| fold(name));
        children
    }
}

impl RegNode {
    /// The value called `name`, upper and lower case alike; the empty name is the default value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&RegValue> {
        let name = fold(name);
        self.values.iter().find(|value| fold(&value.name) == name)
    }
}

impl RegValue {
    /// The data as it would lie in a hive: text as UTF-16LE with its NUL, numbers little-endian.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

impl fmt::Debug for RegValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegValue({:?}, kind {}, {} bytes)", self.name, self.kind, self.data.len())
    }
}

impl Root {
    /// Splits a section's path into its root and the path below.
    fn split(section: &str) -> (Self, &str) {
        let (first, rest) = section.split_once('\\').unwrap_or((section, ""));
        let root = ROOTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(first.trim()));
        root.map_or((Self::Unnamed, section.trim_matches('\\')), |(_, root)| (*root, rest.trim_matches('\\')))
    }
}

/// The names of the roots.
const ROOTS: &[(&str, Root)] = &[
    ("HKCC", Root::CurrentConfig),
    ("HKCR", Root::ClassesRoot),
    ("HKCU", Root::CurrentUser),
    ("HKEY_CLASSES_ROOT", Root::ClassesRoot),
    ("HKEY_CURRENT_CONFIG", Root::CurrentConfig),
    ("HKEY_CURRENT_USER", Root::CurrentUser),
    ("HKEY_LOCAL_MACHINE", Root::LocalMachine),
    ("HKEY_USERS", Root::Users),
    ("HKLM", Root::LocalMachine),
    ("HKU", Root::Users),
];

/// A node while sections still come: what was done to its values, in order.
struct Draft {
    root: Root,
    path: String,
    line: usize,
    /// `None` deletes.
    changes: Vec<(String, Option<RegValue>)>,
}

/// The registry while the statements are applied.
#[derive(Default)]
struct Build {
    /// Deleted nodes leave `None`.
    drafts: Vec<Option<Draft>>,
    index: BTreeMap<(Root, String), usize>,
    problems: Vec<RegFileProblem>,
    at: At,
    is_export: bool,
}

/// Where a value goes.
#[derive(Clone, Copy, Default)]
enum At {
    /// Before the first section: a pasted value.
    #[default]
    Start,
    Node(usize),
    /// Below a deletion or an unreadable section.
    Nowhere,
}

impl Build {
    fn apply(&mut self, line: usize, statement: Statement) {
        match statement {
            Statement::Header => self.is_export = true,
            Statement::Section { path, delete } => {
                let (root, path) = Root::split(path);
                self.is_export |= root != Root::Unnamed;
                self.at = if delete {
                    self.delete(root, path);
                    At::Nowhere
                } else {
                    At::Node(self.open(root, path, line))
                };
            }
            Statement::Value { name, content, problem } => {
                self.is_export = true;
                self.complain(problem);
                let at = match self.at {
                    At::Nowhere => return,
                    At::Node(at) => at,
                    At::Start => self.open(Root::Unnamed, "", line),
                };
                self.at = At::Node(at);
                let value = content.map(|(kind, data)| RegValue { name: name.clone(), kind, line, data });
                if let Some(Some(draft)) = self.drafts.get_mut(at) {
                    draft.changes.push((name, value));
                }
            }
            Statement::Unreadable(problem) => {
                if matches!(problem, RegFileProblem::Section { .. }) {
                    self.at = At::Nowhere;
                }
                self.complain(Some(problem));
            }
        }
    }

    fn complain(&mut self, problem: Option<RegFileProblem>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.extend(problem);
        }
    }

    fn open(&mut self, root: Root, path: &str, line: usize) -> usize {
        *self.index.entry((root, fold(path))).or_insert_with(|| {
            self.drafts.push(Some(Draft { root, path: path.to_owned(), line, changes: Vec::new() }));
            self.drafts.len() - 1
        })
    }

    /// Deletes a node and all below it. Whole roots stay: regedit refuses to delete them.
    fn delete(&mut self, root: Root, path: &str) {
        if path.is_empty() {
            return;
        }
        let path = fold(path);
        let mut gone: Vec<usize> = below(&self.index, root, &path).collect();
        gone.extend(self.index.get(&(root, path)));
        for at in gone {
            if let Some(draft) = self.drafts.get_mut(at).and_then(Option::take) {
                self.index.remove(&(root, fold(&draft.path)));
            }
        }
    }

    fn finish(self) -> Option<RegFile> {
        let nodes: Vec<RegNode> = self.drafts.into_iter().flatten().map(Draft::settle).collect();
        let index = nodes.iter().enumerate().map(|(at, node)| ((node.root, fold(&node.path)), at)).collect();
        self.is_export.then_some(RegFile { nodes, index, problems: self.problems })
    }
}

impl Draft {
    /// Keeps the last change of each value.
    fn settle(self) -> RegNode {
        let last: HashMap<String, usize> =
            self.changes.iter().enumerate().map(|(at, (name, _))| (fold(name), at)).collect();
        let kept = self.changes.into_iter().enumerate().filter(|(at, (name, _))| last.get(&fold(name)) == Some(at));
        RegNode {
            root: self.root,
            path: self.path,
            line: self.line,
            values: kept.filter_map(|(_, (_, value))| value).collect(),
        }
    }
}

/// The positions of all nodes below a folded path, sorted by path.
fn below<'a>(
    index: &'a BTreeMap<(Root, String), usize>,
    root: Root,
    path: &str,
) -> impl Iterator<Item = usize> + use<'a> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}\\") };
    index
        .range((root, prefix.clone())..)
        .take_while(move |((other, path), _)| *other == root && path.starts_with(&prefix))
        .map(|(_, at)| *at)
}

/// The registry compares names without regard to case, one character at a time.
fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
