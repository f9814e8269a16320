//! The registry of the Windows that runs, in its 64-bit view. It is only ever read.
//!
//! Paths are relative to a root, names divided by backslashes: below [`Root::LocalMachine`],
//! `SOFTWARE\Microsoft\Windows NT\CurrentVersion`.

use std::io;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(not(windows), path = "none.rs")]
mod sys;

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// `HKEY_CURRENT_USER`.
    CurrentUser,
    /// `HKEY_LOCAL_MACHINE`.
    LocalMachine,
}

/// A value as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The name as the registry spells it is not told; this is the name that was asked for.
    pub name: String,
    /// The number of the `REG_` type.
    pub kind: u32,
    /// The data as it is stored: strings in UTF-16, little-endian, with their end.
    pub data: Vec<u8>,
}

/// Whether there is a live registry: only on Windows.
#[must_use]
pub fn is_there() -> bool {
    sys::is_there()
}

/// The values of a node with these names, in the order of the names; names that are not there are left out. `None`
/// without the node.
///
/// # Errors
///
/// [`io::ErrorKind::PermissionDenied`] where this user may not read; what the system says otherwise.
pub fn values(root: Root, path: &str, wanted: &[&str]) -> io::Result<Option<Vec<Value>>> {
    sys::values(root, path, wanted)
}

/// The names of the nodes below a node, `most` of them at most; empty without the node.
///
/// # Errors
///
/// As for [`values`].
pub fn children(root: Root, path: &str, most: usize) -> io::Result<Vec<String>> {
    sys::children(root, path, most)
}
