//! RegOpenKeyEx and its kin, by the crate `windows-registry`.

use std::io;

use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

use super::{Root, Value};

/// `ERROR_FILE_NOT_FOUND`: neither this node nor this value is there.
const NOT_FOUND: i32 = 2;

pub(super) fn is_there() -> bool {
    true
}

pub(super) fn values(root: Root, path: &str, wanted: &[&str]) -> io::Result<Option<Vec<Value>>> {
    let Some(node) = open(root, path)? else { return Ok(None) };
    let mut found = Vec::with_capacity(wanted.len());
    for name in wanted {
        if let Some(value) = there(node.get_value(name))? {
            found.push(Value { name: (*name).to_owned(), kind: value.ty().into(), data: value.to_vec() });
        }
    }
    Ok(Some(found))
}

pub(super) fn children(root: Root, path: &str, most: usize) -> io::Result<Vec<String>> {
    match open(root, path)? {
        Some(node) => Ok(there(node.keys())?.into_iter().flatten().take(most).collect()),
        None => Ok(Vec::new()),
    }
}

/// Opens a node in the 64-bit view, whatever this program was built for.
fn open(root: Root, path: &str) -> io::Result<Option<Key>> {
    let root = match root {
        Root::CurrentUser => CURRENT_USER,
        Root::LocalMachine => LOCAL_MACHINE,
    };
    there(root.options().read().wow64_64().open(path))
}

/// What is not there is no error. The system's error number is the low half of its HRESULT.
fn there<T, E: Into<io::Error>>(answer: Result<T, E>) -> io::Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.into().raw_os_error().map(|code| code & 0xFFFF) {
            Some(NOT_FOUND) => Ok(None),
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => Err(io::ErrorKind::Other.into()),
        },
    }
}
