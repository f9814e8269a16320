//! Firmware, adapters, disks and TPM as Windows tells of them. Nothing of it needs an administrator, as a rule.

#![expect(unsafe_code, reason = "system calls that fill buffers and hand out handles")]

mod adapters;
mod disks;
mod tpm;

use std::io;

use windows::Win32::Foundation::CloseHandle;
use windows::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAGS_AND_ATTRIBUTES, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING,
};
use windows::Win32::System::IO::DeviceIoControl;
use windows::core::HSTRING;

use super::Readings;

pub(super) fn read() -> Readings {
    let mut readings =
        Readings { mac_addresses: adapters::mac_addresses(), disk_serials: disks::serials(), ..Readings::default() };
    match crate::firmware::smbios() {
        Ok(table) => readings.smbios = table,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            readings.refused.push("the mainboard's serial number and UUID");
        }
        Err(_) => {}
    }
    match tpm::endorsement_key() {
        Ok(modulus) => readings.tpm_endorsement_key = modulus,
        Err(tpm::Refused) => readings.refused.push("the TPM's endorsement key"),
    }
    readings
}

/// Asks a device one thing, by its path such as `\\.\PhysicalDrive0`, and gives the length of the answer. The device
/// is opened for neither reading nor writing: that is enough to ask, and any user may.
fn ask(device: &str, what: u32, question: &[u8], answer: &mut [u8]) -> Option<usize> {
    let path = HSTRING::from(device);
    let (share, plain) = (FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_FLAGS_AND_ATTRIBUTES(0));
    // SAFETY: the path has its end and outlives the call.
    let handle = unsafe { CreateFileW(&path, 0, share, None, OPEN_EXISTING, plain, None) }.ok()?;
    let (asked, room) = (u32::try_from(question.len()).ok()?, u32::try_from(answer.len()).ok()?);
    let mut len = 0;
    // SAFETY: both buffers are as long as the numbers say, the system copies the question; the handle is ours and is
    // closed once.
    let answered = unsafe {
        let answered = DeviceIoControl(
            handle,
            what,
            Some(question.as_ptr().cast()),
            asked,
            Some(answer.as_mut_ptr().cast()),
            room,
            Some(&raw mut len),
            None,
        );
        let _ = CloseHandle(handle);
        answered
    };
    answered.ok()?;
    Some(len.min(room) as usize)
}
