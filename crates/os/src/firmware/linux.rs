//! Linux hands every table out as a file.

use std::io::{self, Read};
use std::path::Path;

const TABLES: &str = "/sys/firmware/acpi/tables";
const SMBIOS: &str = "/sys/firmware/dmi/tables/DMI";
/// Real tables have 85 (MSDM) and 374 (SLIC) bytes, SMBIOS some kilobytes.
const MOST: u64 = 1 << 20;

pub(super) fn table(name: [u8; 4]) -> io::Result<Option<Vec<u8>>> {
    let Ok(name) = std::str::from_utf8(&name) else { return Ok(None) };
    read(&Path::new(TABLES).join(name))
}

pub(super) fn smbios() -> io::Result<Option<Vec<u8>>> {
    read(Path::new(SMBIOS))
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match std::fs::File::open(path) {
        Ok(file) => file.take(MOST).read_to_end(&mut bytes).map(|_| Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
