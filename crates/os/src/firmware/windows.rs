//! GetSystemFirmwareTable: it needs no administrator rights and works in WinPE.

#![expect(unsafe_code, reason = "a system call that fills a buffer")]

use std::io;

use windows::Win32::Foundation::{ERROR_INVALID_FUNCTION, ERROR_NOT_FOUND};
use windows::Win32::System::SystemInformation::{ACPI, FIRMWARE_TABLE_PROVIDER, GetSystemFirmwareTable, RSMB};

/// Real tables have 85 (MSDM) and 374 (SLIC) bytes, SMBIOS some kilobytes.
const MOST: usize = 1 << 20;
/// `RawSMBIOSData`: calling method, version, revision (4 bytes), length of the table (little-endian u32).
const SMBIOS_HEADER: usize = 8;

pub(super) fn table(name: [u8; 4]) -> io::Result<Option<Vec<u8>>> {
    // The number of a table is its name, read as a little-endian number.
    read(ACPI, u32::from_le_bytes(name))
}

pub(super) fn smbios() -> io::Result<Option<Vec<u8>>> {
    let Some(raw) = read(RSMB, 0)? else { return Ok(None) };
    let Some((header, table)) = raw.split_at_checked(SMBIOS_HEADER) else { return Ok(None) };
    let stated = header.last_chunk().map_or(0, |len| u32::from_le_bytes(*len)) as usize;
    Ok(Some(table.get(..stated).unwrap_or(table).to_vec()))
}

fn read(provider: FIRMWARE_TABLE_PROVIDER, table: u32) -> io::Result<Option<Vec<u8>>> {
    // SAFETY: without a buffer the call only tells the size.
    let needed = unsafe { GetSystemFirmwareTable(provider, table, None) } as usize;
    if needed == 0 {
        return absent();
    }
    let mut bytes = vec![0; needed.min(MOST)];
    // SAFETY: the buffer is as long as the slice says.
    let filled = unsafe { GetSystemFirmwareTable(provider, table, Some(&mut bytes)) } as usize;
    if filled == 0 {
        return absent();
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

/// A PC without this table, or without the firmware that has such tables, is no error.
fn absent() -> io::Result<Option<Vec<u8>>> {
    let error = io::Error::last_os_error();
    let none = [0, ERROR_INVALID_FUNCTION.0, ERROR_NOT_FOUND.0];
    if error.raw_os_error().is_some_and(|code| none.contains(&code.cast_unsigned())) { Ok(None) } else { Err(error) }
}
