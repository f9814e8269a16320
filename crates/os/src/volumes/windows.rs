//! Drive letters, volumes mounted in folders, and what lies behind them.
//!
//! Sources: Microsoft, "GetLogicalDrives", "Enumerating Volumes" and "SetThreadErrorMode".

#![expect(unsafe_code, reason = "system calls that fill buffers")]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use windows::Win32::Foundation::{
    ERROR_DEV_NOT_EXIST, ERROR_FILE_NOT_FOUND, ERROR_INVALID_DRIVE, ERROR_NO_MEDIA_IN_DRIVE, ERROR_NO_SUCH_DEVICE,
    ERROR_NOT_READY, ERROR_PATH_NOT_FOUND, ERROR_UNRECOGNIZED_VOLUME, HANDLE, WIN32_ERROR,
};
use windows::Win32::Storage::FileSystem::{
    FindFirstVolumeW, FindNextVolumeW, FindVolumeClose, GetDriveTypeW, GetLogicalDrives,
    GetVolumePathNamesForVolumeNameW,
};
use windows::Win32::System::Diagnostics::Debug::{
    GetThreadErrorMode, SEM_FAILCRITICALERRORS, SetThreadErrorMode, THREAD_ERROR_MODE,
};
use windows::Win32::System::SystemInformation::GetSystemWindowsDirectoryW;
use windows::core::PCWSTR;

use crate::registry::{self, Root};

/// `DRIVE_REMOVABLE` and `DRIVE_FIXED`. Network drives are other PCs, and a disc holds no installed Windows.
const LOOKED_AT: [u32; 2] = [2, 3];
/// `FVE_E_LOCKED_VOLUME`, as the system reports it.
const LOCKED: i32 = 0x8031_0000_u32.cast_signed();
/// What drives say in which no medium is, or on which no file system is. Any other error is of a volume that is there
/// and cannot be read.
const NOTHING_THERE: [WIN32_ERROR; 8] = [
    ERROR_DEV_NOT_EXIST,
    ERROR_FILE_NOT_FOUND,
    ERROR_INVALID_DRIVE,
    ERROR_NOT_READY,
    ERROR_NO_MEDIA_IN_DRIVE,
    ERROR_NO_SUCH_DEVICE,
    ERROR_PATH_NOT_FOUND,
    ERROR_UNRECOGNIZED_VOLUME,
];
/// A WinPE has this node, and no other Windows has.
const MINI_NT: &str = r"SYSTEM\CurrentControlSet\Control\MiniNT";
/// `\\?\Volume{…}\` with its end has 50 units.
const VOLUME_NAME: usize = 64;
/// All paths of one volume together, in units; a volume with more is left to its drive letter.
const VOLUME_PATHS: usize = 4096;
const BACKSLASH: u16 = 0x5C;
const COLON: u16 = 0x3A;

pub(super) fn mounted() -> io::Result<Vec<PathBuf>> {
    let _quiet = Quiet::new();
    let own = running_windows();
    let is_own = |place: &Path| own.as_deref().is_some_and(|windows| windows.starts_with(place));
    let places = drives().into_iter().chain(folders());
    Ok(places.filter(|place| !is_own(place) && is_mounted(std::fs::read_dir(place).err().as_ref())).collect())
}

pub(super) fn locked() -> Vec<PathBuf> {
    let _quiet = Quiet::new();
    let is_locked = |place: &PathBuf| std::fs::read_dir(place).is_err_and(|error| error.raw_os_error() == Some(LOCKED));
    drives().into_iter().chain(folders()).filter(is_locked).collect()
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

/// Whether a volume is there to be read, by the error that reading its root gave. A locked one is told of by
/// [`locked`].
fn is_mounted(error: Option<&io::Error>) -> bool {
    let Some(code) = error.map(io::Error::raw_os_error) else { return true };
    code != Some(LOCKED) && !NOTHING_THERE.iter().any(|nothing| code == Some(nothing.0.cast_signed()))
}

/// The roots of fixed and removable drives.
fn drives() -> Vec<PathBuf> {
    // SAFETY: the call only tells a number.
    let letters = unsafe { GetLogicalDrives() };
    let roots = (b'A'..=b'Z').zip(0..).filter(|(_, at)| letters >> at & 1 == 1);
    let roots = roots.map(|(letter, _)| [u16::from(letter), COLON, BACKSLASH, 0]);
    roots.filter(|root| is_looked_at(root)).filter_map(|root| path(&root)).collect()
}

/// The folders in which fixed and removable volumes without a drive letter are mounted.
fn folders() -> Vec<PathBuf> {
    let (mut folders, mut name) = (Vec::new(), [0; VOLUME_NAME]);
    // SAFETY: the buffer is as long as the slice says.
    let Ok(handle) = (unsafe { FindFirstVolumeW(&mut name) }) else { return folders };
    let volumes = Volumes(handle);
    loop {
        if is_looked_at(&name) {
            folders.extend(paths_of(&name).and_then(|paths| folder_in(&paths)));
        }
        // SAFETY: the handle is open, and the buffer is as long as the slice says.
        if unsafe { FindNextVolumeW(volumes.0, &mut name) }.is_err() {
            return folders;
        }
    }
}

/// All places where a volume is mounted, each with its end.
fn paths_of(volume: &[u16; VOLUME_NAME]) -> Option<Vec<u16>> {
    let (mut paths, mut len) = (vec![0; VOLUME_PATHS], 0);
    // SAFETY: the name has its end, and the buffer is as long as the slice says.
    unsafe { GetVolumePathNamesForVolumeNameW(PCWSTR(volume.as_ptr()), Some(&mut paths), &raw mut len) }.ok()?;
    Some(paths)
}

/// The first of these places; `None` with a drive letter among them, because the volume is known by that.
fn folder_in(paths: &[u16]) -> Option<PathBuf> {
    let mut places = paths.split(|unit| *unit == 0).take_while(|place| !place.is_empty()).peekable();
    let first = places.peek().and_then(|place| path(place))?;
    let is_drive = |place: &[u16]| matches!(place, [_, COLON, BACKSLASH]);
    (!places.any(is_drive)).then_some(first)
}

/// Whether a root, given with its end, is of a kind of drive that may hold a Windows.
fn is_looked_at(root: &[u16]) -> bool {
    // SAFETY: the text has its end and outlives the call.
    root.contains(&0) && LOOKED_AT.contains(&unsafe { GetDriveTypeW(PCWSTR(root.as_ptr())) })
}

fn path(units: &[u16]) -> Option<PathBuf> {
    units.split(|unit| *unit == 0).next().filter(|text| !text.is_empty()).map(OsString::from_wide).map(PathBuf::from)
}

/// A search for volumes. It closes itself.
struct Volumes(HANDLE);

impl Drop for Volumes {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used any more.
        let _ = unsafe { FindVolumeClose(self.0) };
    }
}

/// The time in which a card reader without a card brings up no dialog. Only this thread's mode changes: the one of the
/// process also keeps crash reports away.
struct Quiet(THREAD_ERROR_MODE);

impl Quiet {
    fn new() -> Self {
        // SAFETY: both calls only tell or set a number of this thread.
        let before = unsafe {
            let before = THREAD_ERROR_MODE(GetThreadErrorMode());
            let _ = SetThreadErrorMode(THREAD_ERROR_MODE(before.0 | SEM_FAILCRITICALERRORS.0), None);
            before
        };
        Self(before)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: the call only sets a number of this thread.
        let _ = unsafe { SetThreadErrorMode(self.0, None) };
    }
}

#[cfg(test)]
mod tests {
    use windows::Win32::System::Diagnostics::Debug::{GetErrorMode, SEM_NOGPFAULTERRORBOX, SetErrorMode};

    use super::*;

    fn places(texts: &[&str]) -> Vec<u16> {
        texts.iter().flat_map(|text| text.encode_utf16().chain([0])).chain([0; 8]).collect()
    }

    fn error(code: u32) -> io::Error {
        io::Error::from_raw_os_error(code.cast_signed())
    }

    #[test]
    fn looking_at_drives_leaves_crash_reports_off() {
        // SAFETY: the calls only tell or set a number.
        let (before, after) = unsafe {
            SetErrorMode(SEM_NOGPFAULTERRORBOX);
            let before = (GetErrorMode(), GetThreadErrorMode());
            mounted().unwrap();
            locked();
            (before, (GetErrorMode(), GetThreadErrorMode()))
        };
        assert_eq!(before.0 & SEM_NOGPFAULTERRORBOX.0, SEM_NOGPFAULTERRORBOX.0);
        assert_eq!(before, after);
    }

    #[test]
    fn the_volume_of_the_running_windows_is_a_drive_but_not_among_the_others() {
        let own = running_windows().unwrap();
        let holds_own = |places: Vec<PathBuf>| places.iter().any(|place| own.starts_with(place));
        assert!(own.is_dir());
        assert!(holds_own(drives()));
        assert!(!holds_own(mounted().unwrap()));
    }

    #[test]
    fn no_volume_is_told_of_twice() {
        let drives = drives();
        assert!(folders().iter().all(|folder| !drives.contains(folder)));
    }

    #[test]
    fn a_volume_with_a_drive_letter_is_not_looked_at_in_its_folder_too() {
        let folder = |texts: &[&str]| folder_in(&places(texts));
        assert_eq!(folder(&[r"C:\mnt\old disk\"]), Some(PathBuf::from(r"C:\mnt\old disk\")));
        assert_eq!(folder(&[r"C:\mnt\a\", r"C:\mnt\b\"]), Some(PathBuf::from(r"C:\mnt\a\")));
        assert_eq!(folder(&[r"C:\mnt\a\", r"D:\"]), None);
        assert_eq!(folder(&[r"D:\", r"C:\mnt\a\"]), None);
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn a_drive_that_fails_is_told_of_and_an_empty_one_is_not() {
        assert!(is_mounted(None));
        // ERROR_ACCESS_DENIED, ERROR_CRC, ERROR_IO_DEVICE, ERROR_FILE_CORRUPT, ERROR_DISK_CORRUPT.
        for code in [5, 23, 1117, 1392, 1393] {
            assert!(is_mounted(Some(&error(code))), "{code}");
        }
        // No card, an unformatted disk, a drive letter without anything behind it, a locked volume.
        for code in [1112, 21, 1005, 3, 0x8031_0000] {
            assert!(!is_mounted(Some(&error(code))), "{code}");
        }
    }

    #[test]
    fn a_windows_that_runs_from_a_disk_is_no_winpe() {
        assert!(!is_windows_pe());
    }
}
