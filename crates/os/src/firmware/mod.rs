//! Firmware tables of this PC.

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(any(windows, target_os = "linux")), path = "none.rs")]
mod sys;

/// Reads one ACPI table by its four-letter name, such as `MSDM`, header included.
///
/// `Ok(None)` when this PC has no such table or no ACPI at all.
///
/// # Errors
///
/// [`std::io::ErrorKind::PermissionDenied`] when more rights are needed (on Linux only root may read the tables);
/// whatever else the system says.
pub fn table(name: [u8; 4]) -> std::io::Result<Option<Vec<u8>>> {
    sys::table(name)
}

/// Reads the SMBIOS structure table, without the entry point or the header that a system puts in front.
///
/// `Ok(None)` when this PC has none.
///
/// # Errors
///
/// As for [`table`].
pub fn smbios() -> std::io::Result<Option<Vec<u8>>> {
    sys::smbios()
}
