//! No way to the firmware tables on this platform yet.

pub(super) fn table(_name: [u8; 4]) -> std::io::Result<Option<Vec<u8>>> {
    Ok(None)
}

pub(super) fn smbios() -> std::io::Result<Option<Vec<u8>>> {
    Ok(None)
}
