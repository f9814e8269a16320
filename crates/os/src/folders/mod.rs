//! Where programs keep what belongs to a person.

use std::path::PathBuf;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(not(windows), path = "unix.rs")]
mod sys;

/// The folder of this person's Keystow: `%LOCALAPPDATA%\Keystow`, or `keystow` in the XDG data folder. It need not be
/// there yet. `None` when the system names no home.
#[must_use]
pub fn data() -> Option<PathBuf> {
    sys::data()
}
