//! The known folder for what stays on this PC. Shells from elsewhere set HOME; it is not looked at, so that a vault is
//! the same from every terminal.

#![expect(unsafe_code, reason = "a system call that hands out a text")]

use std::env;
use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt;
use std::path::PathBuf;

use windows::Win32::System::Com::CoTaskMemFree;
use windows::Win32::UI::Shell::{FOLDERID_LocalAppData, KNOWN_FOLDER_FLAG, SHGetKnownFolderPath};

pub(super) fn data() -> Option<PathBuf> {
    let variable = || env::var_os("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(known().or_else(variable)?.join("Keystow"))
}

fn known() -> Option<PathBuf> {
    // SAFETY: the folder's id outlives the call.
    let text = unsafe { SHGetKnownFolderPath(&FOLDERID_LocalAppData, KNOWN_FOLDER_FLAG(0), None) }.ok()?;
    // SAFETY: on success it is a text with its end.
    let path = PathBuf::from(OsString::from_wide(unsafe { text.as_wide() }));
    // SAFETY: the call allocated it, and nobody else frees it.
    unsafe { CoTaskMemFree(Some(text.0.cast_const().cast())) };
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_itself_names_the_folder_and_the_variable_says_the_same() {
        let variable = env::var_os("LOCALAPPDATA").map(PathBuf::from);
        assert_eq!(known(), variable);
        assert_eq!(data(), variable.map(|folder| folder.join("Keystow")));
    }
}
