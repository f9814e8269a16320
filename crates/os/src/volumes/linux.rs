//! Linux lists its mounts in `/proc/self/mountinfo` (proc(5)): fields by spaces, octal escapes for odd characters.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// NTFS by its three drivers; FAT for Windows 98 and old XP; dislocker and other FUSE file systems show as `fuse`.
const KINDS: &[&str] = &["fuse", "fuse.dislocker", "fuse.ntfs-3g", "fuseblk", "msdos", "ntfs", "ntfs3", "vfat"];

pub(super) fn mounted() -> io::Result<Vec<PathBuf>> {
    let list = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(list.lines().filter_map(mount_point).collect())
}

pub(super) fn locked() -> Vec<PathBuf> {
    Vec::new()
}

pub(super) fn running_windows() -> Option<PathBuf> {
    None
}

pub(super) fn is_windows_pe() -> bool {
    false
}

fn mount_point(line: &str) -> Option<PathBuf> {
    let (mount, device) = line.split_once(" - ")?;
    let kind = device.split(' ').next()?;
    KINDS.binary_search(&kind).ok()?;
    Some(PathBuf::from(unescape(mount.split(' ').nth(4)?)))
}

fn unescape(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ntfs_mount_with_a_space_in_its_name_is_found() {
        let line = r"97 29 8:3 / /media/My\040Disk rw,relatime shared:54 - ntfs3 /dev/sda3 rw,uid=0";
        assert_eq!(mount_point(line), Some(PathBuf::from("/media/My Disk")));
    }

    #[test]
    fn a_linux_file_system_is_not_looked_at() {
        assert_eq!(mount_point("29 1 8:1 / / rw - ext4 /dev/sda1 rw"), None);
    }

    #[test]
    fn the_kinds_are_sorted() {
        assert!(KINDS.is_sorted());
    }
}
