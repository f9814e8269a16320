//! Firmware, adapters, disks and TPM as files of Linux.

mod adapters;
mod disks;
mod tpm;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Readings;

const ROOT: &str = "/";
/// A file that says one thing is shorter than this.
const MOST: u64 = 1 << 16;

pub(super) fn read() -> Readings {
    let root = Path::new(ROOT);
    let mut readings = Readings {
        mac_addresses: adapters::mac_addresses(root),
        disk_serials: disks::serials(root),
        ..Readings::default()
    };
    let refused = &mut readings.refused;
    // The few members that /sys/class/dmi/id shows to everybody are no table, and the serial numbers are not among them.
    readings.smbios = unless_refused(crate::firmware::smbios(), "the mainboard's serial number and UUID", refused);
    readings.tpm_endorsement_key = unless_refused(tpm::endorsement_key(), "the TPM's endorsement key", refused);
    readings
}

/// What was read; notes `what` where only more rights would have helped.
fn unless_refused<T>(read: io::Result<Option<T>>, what: &'static str, refused: &mut Vec<&'static str>) -> Option<T> {
    match read {
        Ok(value) => value,
        Err(error) => {
            if error.kind() == io::ErrorKind::PermissionDenied {
                refused.push(what);
            }
            None
        }
    }
}

/// The paths in a folder, in no order; none without it.
fn inside(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The text of a file, trimmed; `None` without any.
fn text(path: &Path) -> Option<String> {
    let text = String::from_utf8(bytes(path)?).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of one test. It is gone when it is dropped.
    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("keystow-device-{name}-{}", std::process::id()));
            std::fs::create_dir(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn only_a_refusal_is_told() {
        let mut refused = Vec::new();
        assert_eq!(unless_refused(Ok(Some(1)), "a", &mut refused), Some(1));
        assert_eq!(unless_refused::<u8>(Ok(None), "b", &mut refused), None);
        assert_eq!(unless_refused::<u8>(Err(io::ErrorKind::TimedOut.into()), "c", &mut refused), None);
        assert_eq!(unless_refused::<u8>(Err(io::ErrorKind::PermissionDenied.into()), "d", &mut refused), None);
        assert_eq!(refused, ["d"]);
    }
}
