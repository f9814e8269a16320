//! The serial numbers of the disks that are built in.
//!
//! Sources: Linux, `Documentation/ABI/stable/sysfs-block`; T10 SPC-4 §7.8.15 (the page "Unit Serial Number"); systemd,
//! udev(7).

use std::path::Path;

use super::{bytes, inside, text};

/// Folders on the way to a disk that is outside, or on a network.
const OUTSIDE: [&str; 3] = ["nvme-fabrics", "session", "usb"];
/// The number of the page in its second byte, its length as big-endian u16 in the third and fourth.
const PAGE: u8 = 0x80;
const PAGE_HEADER: usize = 4;

pub(super) fn serials(root: &Path) -> Vec<String> {
    let disks = inside(&root.join("sys/block")).filter(|disk| is_built_in(disk));
    let mut serials: Vec<_> = disks.filter_map(|disk| serial(root, &disk)).collect();
    serials.sort_unstable();
    serials.dedup();
    serials
}

/// What software has made has no device. Of cards, only those that are soldered call themselves MMC.
fn is_built_in(disk: &Path) -> bool {
    let Ok(way) = disk.canonicalize() else { return false };
    let is_outside = |name: &std::ffi::OsStr| OUTSIDE.iter().any(|begin| name.to_string_lossy().starts_with(begin));
    disk.join("device").exists()
        && text(&disk.join("removable")).as_deref() == Some("0")
        && text(&disk.join("device/type")).as_deref() != Some("SD")
        && !way.iter().any(is_outside)
}

/// NVMe and MMC say it as a text, SCSI and ATA as a page; udev has noted it of the others.
fn serial(root: &Path, disk: &Path) -> Option<String> {
    text(&disk.join("device/serial"))
        .or_else(|| page_text(&bytes(&disk.join("device/vpd_pg80"))?))
        .or_else(|| noted(&text(&root.join("run/udev/data").join(format!("b{}", text(&disk.join("dev"))?)))?))
}

fn page_text(page: &[u8]) -> Option<String> {
    let (header, serial) = page.split_first_chunk::<PAGE_HEADER>()?;
    let [_, PAGE, len @ ..] = *header else { return None };
    let serial = std::str::from_utf8(serial.get(..usize::from(u16::from_be_bytes(len)))?).ok()?;
    Some(serial.trim_matches(['\0', ' ']).to_owned()).filter(|serial| !serial.is_empty())
}

fn noted(properties: &str) -> Option<String> {
    let serial = properties.lines().find_map(|line| line.strip_prefix("E:ID_SERIAL_SHORT="))?;
    Some(serial.trim().to_owned()).filter(|serial| !serial.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::Folder;
    use super::*;

    fn made(root: &Path, way: &str, name: &str, files: &[(&str, &[u8])]) {
        let disk = root.join("sys/devices").join(way).join(name);
        fs::create_dir_all(disk.join("device")).unwrap();
        fs::create_dir_all(root.join("sys/block")).unwrap();
        std::os::unix::fs::symlink(&disk, root.join("sys/block").join(name)).unwrap();
        for (file, bytes) in [("removable", &b"0\n"[..])].iter().chain(files) {
            fs::write(disk.join(file), bytes).unwrap();
        }
    }

    #[test]
    fn each_kind_of_disk_says_its_serial_number_in_its_way() {
        let root = Folder::new("disks");
        made(&root.0, "pci0000:00/nvme/nvme0", "nvme0n1", &[("device/serial", b"S64ANS0T6 \n")]);
        made(&root.0, "pci0000:00/ata1/host0", "sda", &[("device/vpd_pg80", b"\0\x80\0\x0C    Z1D0ABCDtoo far")]);
        made(&root.0, "pci0000:00/ata2/host1", "sdb", &[("dev", b"8:16\n")]);
        fs::create_dir_all(root.0.join("run/udev/data")).unwrap();
        fs::write(root.0.join("run/udev/data/b8:16"), "S:disk/by-id/a\nE:ID_SERIAL=MODEL_W1\nE:ID_SERIAL_SHORT=W1\n")
            .unwrap();
        made(&root.0, "platform/mmc0", "mmcblk0", &[("device/type", b"MMC\n"), ("device/serial", b"0x1a2b3c4d\n")]);
        assert_eq!(serials(&root.0), ["0x1a2b3c4d", "S64ANS0T6", "W1", "Z1D0ABCD"]);
    }

    #[test]
    fn disks_that_are_not_built_in_have_none() {
        let root = Folder::new("outside");
        let serial = ("device/serial", &b"S1\n"[..]);
        made(&root.0, "pci0000:00/usb2/2-1/host3", "sda", &[serial]);
        made(&root.0, "platform/host4/session1/target", "sdb", &[serial]);
        made(&root.0, "pci0000:00/ata1/host0", "sr0", &[serial, ("removable", b"1\n")]);
        made(&root.0, "platform/mmc1", "mmcblk1", &[serial, ("device/type", b"SD\n")]);
        made(&root.0, "virtual/nvme-fabrics/ctl", "nvme1n1", &[serial]);
        made(&root.0, "virtual/block", "loop0", &[]);
        fs::remove_dir(root.0.join("sys/block/loop0/device")).unwrap();
        assert_eq!(serials(&root.0), <[String; 0]>::default());
        assert_eq!(serials(Path::new("/no such folder")), <[String; 0]>::default());
    }

    #[test]
    fn a_cut_or_other_page_has_no_serial_number() {
        let whole = b"\0\x80\0\x04W123";
        assert_eq!(page_text(whole).as_deref(), Some("W123"));
        for cut in 0..whole.len() {
            assert_eq!(page_text(&whole[..cut]), None, "cut at {cut}");
        }
        assert_eq!(page_text(b"\0\x83\0\x04W123"), None);
        assert_eq!(page_text(b"\0\x80\0\x04    "), None);
    }
}
