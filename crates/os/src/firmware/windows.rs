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
    Ok(read(RSMB, 0)?.as_deref().and_then(structures))
}

/// The table without its header, as long as the header says, or as much of it as is there.
fn structures(raw: &[u8]) -> Option<Vec<u8>> {
    let (header, table) = raw.split_at_checked(SMBIOS_HEADER)?;
    let stated = header.last_chunk().map(|len| u32::from_le_bytes(*len))? as usize;
    Some(table.get(..stated).unwrap_or(table).to_vec())
}

fn read(provider: FIRMWARE_TABLE_PROVIDER, table: u32) -> io::Result<Option<Vec<u8>>> {
    // SAFETY: the buffer is as long as the slice says; without one the call only tells the size.
    read_by(|buffer| unsafe { GetSystemFirmwareTable(provider, table, buffer) })
}

/// Reads a table by a call that gives its length, and fills a buffer that is long enough; 0 is a failure.
fn read_by(call: impl Fn(Option<&mut [u8]>) -> u32) -> io::Result<Option<Vec<u8>>> {
    let needed = call(None) as usize;
    if needed == 0 {
        return absent();
    }
    let mut bytes = vec![0; needed.min(MOST)];
    let len = call(Some(&mut bytes)) as usize;
    if len == 0 {
        return absent();
    }
    // A call that needs more than it got has filled nothing.
    if len > bytes.len() {
        let message = format!("a firmware table of {len} bytes, {} at most are read", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    bytes.truncate(len);
    Ok(Some(bytes))
}

/// A PC without this table, or without the firmware that has such tables, is no error.
fn absent() -> io::Result<Option<Vec<u8>>> {
    let error = io::Error::last_os_error();
    let none = [0, ERROR_INVALID_FUNCTION.0, ERROR_NOT_FOUND.0];
    if error.raw_os_error().is_some_and(|code| none.contains(&code.cast_unsigned())) { Ok(None) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call as the system answers it.
    fn call(table: &[u8]) -> impl Fn(Option<&mut [u8]>) -> u32 {
        |buffer| {
            if let Some(part) = buffer.and_then(|buffer| buffer.get_mut(..table.len())) {
                part.copy_from_slice(table);
            }
            u32::try_from(table.len()).unwrap()
        }
    }

    #[test]
    fn a_table_is_read_whole_or_not_at_all() {
        assert_eq!(read_by(call(b"MSDM and more")).unwrap().as_deref(), Some(&b"MSDM and more"[..]));
        assert_eq!(read_by(call(&vec![7; MOST])).unwrap(), Some(vec![7; MOST]));
        let error = read_by(call(&vec![7; MOST + 1])).unwrap_err();
        assert_eq!(error.to_string(), "a firmware table of 1048577 bytes, 1048576 at most are read");
    }

    #[test]
    fn a_table_that_this_pc_has_not_is_none() {
        assert_eq!(table(*b"ZZZZ").unwrap(), None);
    }

    #[test]
    fn the_header_of_smbios_is_taken_off() {
        let raw = [0, 3, 3, 0, 4, 0, 0, 0, 127, 4, 0, 0];
        assert_eq!(structures(&raw), Some(vec![127, 4, 0, 0]));
        assert_eq!(structures(&[&raw[..], b"padding"].concat()), Some(vec![127, 4, 0, 0]), "longer than stated");
        assert_eq!(structures(&raw[..10]), Some(vec![127, 4]), "shorter than stated");
        for cut in 0..SMBIOS_HEADER {
            assert_eq!(structures(&raw[..cut]), None, "cut at {cut}");
        }
    }
}
