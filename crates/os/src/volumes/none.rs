//! No list of volumes on this platform yet.

use std::path::PathBuf;

pub(super) fn mounted() -> std::io::Result<Vec<PathBuf>> {
    Ok(Vec::new())
}

pub(super) fn locked() -> Vec<PathBuf> {
    Vec::new()
}

pub(super) fn running_windows() -> Option<PathBuf> {
    None
}

pub(super) fn is_windows_pe() -> bool {
    false
}
