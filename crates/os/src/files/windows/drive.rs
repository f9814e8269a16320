//! The drive a path lies on, and whether it stays with this PC.
//!
//! Source: Microsoft, "GetDriveTypeW", "IOCTL_STORAGE_QUERY_PROPERTY" and "STORAGE_DEVICE_DESCRIPTOR" (winioctl.h).

use std::fs::File;
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows::Win32::Foundation::HANDLE;
use windows::Win32::Storage::FileSystem::{GetDriveTypeW, GetVolumeNameForVolumeMountPointW, GetVolumePathNameW};
use windows::Win32::System::IO::DeviceIoControl;
use windows::Win32::System::Ioctl::IOCTL_STORAGE_QUERY_PROPERTY;
use windows::Win32::System::WindowsProgramming::{DRIVE_RAMDISK, DRIVE_REMOTE, DRIVE_REMOVABLE};
use windows::core::HSTRING;

use super::{plain, wide};

/// `STORAGE_PROPERTY_QUERY`: StorageDeviceProperty and PropertyStandardQuery, both 0, and no parameters.
const QUESTION: [u8; 12] = [0; 12];
/// Where a descriptor has the bus, a little-endian u32.
const BUS: usize = 28;
/// `STORAGE_BUS_TYPE` of what is plugged in from outside: FireWire, USB, SD cards.
const OUTSIDE: [u32; 3] = [4, 7, 12];
/// A volume's name: `\\?\Volume{GUID}\` and its end.
const VOLUME_NAME: usize = 50;

/// The kinds of drive that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drive {
    /// Lives in memory.
    Memory,
    /// Shared by another computer.
    Network,
    /// Sticks, cards, and disks in a case of their own.
    Portable,
    /// Built in, or not known to be anything else.
    Stays,
}

/// The root of the volume a path lies on, with a backslash at its end. The path itself need not be there.
pub(super) fn root(path: &Path) -> io::Result<HSTRING> {
    let path = wide(path)?;
    let mut buffer = vec![0; path.len() + 8];
    // SAFETY: the text has its end, and the slice tells its own length.
    unsafe { GetVolumePathNameW(&path, &mut buffer) }.map_err(|error| plain(error.into()))?;
    Ok(upto_end(&buffer))
}

pub(super) fn of(root: &HSTRING) -> Drive {
    // SAFETY: the text has its end and outlives the call.
    match unsafe { GetDriveTypeW(root) } {
        DRIVE_RAMDISK => Drive::Memory,
        DRIVE_REMOTE => Drive::Network,
        DRIVE_REMOVABLE => Drive::Portable,
        _ if bus(root).is_some_and(|bus| OUTSIDE.contains(&bus)) => Drive::Portable,
        _ => Drive::Stays,
    }
}

/// What the disk of a volume is plugged into. Windows calls a disk in a USB case as fixed as one that is built in.
fn bus(root: &HSTRING) -> Option<u32> {
    let mut name = [0; VOLUME_NAME];
    // SAFETY: the text has its end, and the slice tells its own length.
    unsafe { GetVolumeNameForVolumeMountPointW(root, &mut name) }.ok()?;
    // With the backslash it would be the root folder, without it is the device. It is opened for neither reading nor
    // writing: that is enough to ask, and any user may.
    let name = upto_end(&name).to_os_string();
    let device = File::options().access_mode(0).open(name.to_str()?.trim_end_matches('\\')).ok()?;
    let (mut answer, mut len) = ([0_u8; 256], 0);
    // SAFETY: the handle is open, and both buffers are as long as the numbers say.
    unsafe {
        DeviceIoControl(
            HANDLE(device.as_raw_handle()),
            IOCTL_STORAGE_QUERY_PROPERTY,
            Some(QUESTION.as_ptr().cast()),
            QUESTION.len() as u32,
            Some(answer.as_mut_ptr().cast()),
            answer.len() as u32,
            Some(&raw mut len),
            None,
        )
    }
    .ok()?;
    let answer = answer.get(..len as usize)?;
    answer.get(BUS..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn upto_end(text: &[u16]) -> HSTRING {
    HSTRING::from_wide(text.split(|unit| *unit == 0).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drive_of_windows_stays() {
        let folder = std::env::var_os("SystemRoot").unwrap();
        let root = root(Path::new(&folder)).unwrap();
        assert_eq!(root.to_string().to_ascii_uppercase(), r"C:\");
        assert_eq!(of(&root), Drive::Stays);
    }

    #[test]
    fn a_share_is_on_the_network_before_anything_is_asked_there() {
        let root = root(Path::new(r"\\no-such-server.invalid\share\folder\file"));
        // A system may look for the server at this point already, and then says that it is not there.
        let known = root.as_ref().map(of).unwrap_or(Drive::Network);
        assert_eq!(known, Drive::Network);
    }
}
