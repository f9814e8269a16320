//! Drive letters and what lies behind them.

#![expect(unsafe_code, reason = "system calls that fill buffers")]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use windows::Win32::Storage::FileSystem::{GetDriveTypeW, GetLogicalDrives};
use windows::Win32::System::Diagnostics::Debug::{SEM_FAILCRITICALERRORS, SetErrorMode};
use windows::Win32::System::SystemInformation::GetSystemWindowsDirectoryW;
use windows::core::HSTRING;

use crate::registry::{self, Root};

/// `DRIVE_REMOVABLE` and `DRIVE_FIXED`. Network drives are other PCs, and a disc holds no installed Windows.
const LOOKED_AT: [u32; 2] = [2, 3];
/// `FVE_E_LOCKED_VOLUME`, as the system reports it.
const LOCKED: i32 = 0x8031_0000_u32.cast_signed();
/// A WinPE has this node, and no other Windows has.
const MINI_NT: &str = r"SYSTEM\CurrentControlSet\Control\MiniNT";

pub(super) fn mounted() -> io::Result<Vec<PathBuf>> {
    let own = running_windows();
    let is_own = |drive: &Path| own.as_deref().is_some_and(|windows| windows.starts_with(drive));
    Ok(drives().into_iter().filter(|drive| !is_own(drive) && std::fs::read_dir(drive).is_ok()).collect())
}

pub(super) fn locked() -> Vec<PathBuf> {
    let is_locked = |drive: &PathBuf| std::fs::read_dir(drive).is_err_and(|error| error.raw_os_error() == Some(LOCKED));
    drives().into_iter().filter(is_locked).collect()
}

pub(super) fn running_windows() -> Option<PathBuf> {
    let mut buffer = [0; 260];
    // SAFETY: the buffer is as long as the slice says.
    let len = unsafe { GetSystemWindowsDirectoryW(Some(&mut buffer)) } as usize;
    let path = buffer.get(..len).filter(|path| !path.is_empty())?;
    Some(PathBuf::from(OsString::from_wide(path)))
}

pub(super) fn is_windows_pe() -> bool {
    registry::values(Root::LocalMachine, MINI_NT, &[]).is_ok_and(|node| node.is_some())
}

/// The roots of fixed and removable drives. A card reader without a card must not bring up a dialog.
fn drives() -> Vec<PathBuf> {
    // SAFETY: both calls only tell or set a number of this process.
    let letters = unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS);
        GetLogicalDrives()
    };
    let roots = (0..26_u8).filter(|at| letters >> at & 1 == 1).map(|at| format!("{}:\\", char::from(b'A' + at)));
    // SAFETY: the text has its end and outlives the call.
    let kind = |root: &String| unsafe { GetDriveTypeW(&HSTRING::from(root.as_str())) };
    roots.filter(|root| LOOKED_AT.contains(&kind(root))).map(PathBuf::from).collect()
}
