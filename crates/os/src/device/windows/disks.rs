//! The serial numbers of the disks that are built in.
//!
//! Source: Microsoft, "IOCTL_STORAGE_QUERY_PROPERTY" and "STORAGE_DEVICE_DESCRIPTOR" (winioctl.h).

use windows::Win32::System::Ioctl::IOCTL_STORAGE_QUERY_PROPERTY;

/// Disks are numbered from 0, with gaps where one was taken out.
const MOST_DISKS: u32 = 32;
/// `STORAGE_PROPERTY_QUERY`: StorageDeviceProperty and PropertyStandardQuery, both 0, and no parameters.
const QUESTION: [u8; 12] = [0; 12];
/// Descriptors are some hundred bytes long.
const ROOM: usize = 4096;
/// Members of the descriptor, in bytes from its beginning: a BOOLEAN, and two little-endian u32.
const REMOVABLE: usize = 10;
const SERIAL_OFFSET: usize = 24;
const BUS: usize = 28;
/// `STORAGE_BUS_TYPE` of disks that are built in: SCSI, ATA, RAID, SAS, SATA, MMC (soldered), NVMe, SCM, UFS. The others
/// are outside, on a network, or made by software.
const BUILT_IN: [u32; 9] = [1, 3, 8, 10, 11, 13, 17, 18, 19];
/// The serial number of a disk for ATA has 20 characters.
const ATA_DIGITS: usize = 40;

pub(super) fn serials() -> Vec<String> {
    let mut serials: Vec<_> = (0..MOST_DISKS).filter_map(|number| serial(&descriptor(number)?)).collect();
    serials.sort_unstable();
    serials.dedup();
    serials
}

fn descriptor(number: u32) -> Option<Vec<u8>> {
    let mut answer = vec![0; ROOM];
    let device = format!(r"\\.\PhysicalDrive{number}");
    let len = super::ask(&device, IOCTL_STORAGE_QUERY_PROPERTY, &QUESTION, &mut answer)?;
    answer.truncate(len);
    Some(answer)
}

/// The serial number in a descriptor, of a disk that is built in.
fn serial(descriptor: &[u8]) -> Option<String> {
    let number = |at: usize| descriptor.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let built_in = descriptor.get(REMOVABLE) == Some(&0) && BUILT_IN.contains(&number(BUS)?);
    // No serial number is told as 0, by some drivers as 0xFFFF_FFFF, which lies outside anyway.
    let offset = number(SERIAL_OFFSET).filter(|offset| built_in && *offset != 0)?;
    let text = descriptor.get(usize::try_from(offset).ok()?..)?.split(|byte| *byte == 0).next()?;
    let text = std::str::from_utf8(text).ok()?;
    let text = unswapped(text).unwrap_or_else(|| text.to_owned());
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Until Windows 7 the serial number of an ATA disk is told as its bytes in hexadecimal digits, and each two bytes lie
/// in the order of ATA, the second first.
fn unswapped(text: &str) -> Option<String> {
    if text.len() != ATA_DIGITS {
        return None;
    }
    let (digits, _) = text.as_bytes().as_chunks::<4>();
    let mut plain = String::with_capacity(ATA_DIGITS / 2);
    for word in digits {
        let word = u16::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        plain.extend(word.to_le_bytes().map(char::from));
    }
    plain.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A descriptor with its serial number at its end.
    fn made(bus: u8, removable: u8, text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 36];
        bytes[REMOVABLE] = removable;
        bytes[SERIAL_OFFSET] = 36;
        bytes[BUS] = bus;
        bytes.extend_from_slice(text);
        bytes
    }

    #[test]
    fn a_serial_number_is_trimmed_and_ends_at_its_end() {
        assert_eq!(serial(&made(17, 0, b"  0025_3852_1140_04A6.\0junk")).as_deref(), Some("0025_3852_1140_04A6."));
        assert_eq!(serial(&made(11, 0, b"S3Z8NB0K")).as_deref(), Some("S3Z8NB0K"));
    }

    #[test]
    fn disks_that_are_not_built_in_have_none() {
        for bus in [0, 2, 4, 5, 6, 7, 9, 12, 14, 15, 16, 20, 127] {
            assert_eq!(serial(&made(bus, 0, b"S3Z8NB0K\0")), None, "bus {bus}");
        }
        assert_eq!(serial(&made(11, 1, b"S3Z8NB0K\0")), None);
    }

    #[test]
    fn what_is_no_serial_number_is_none() {
        let mut none = made(11, 0, b"S3Z8NB0K\0");
        none[SERIAL_OFFSET] = 0;
        assert_eq!(serial(&none), None);
        none[SERIAL_OFFSET..SERIAL_OFFSET + 4].fill(0xFF);
        assert_eq!(serial(&none), None);
        assert_eq!(serial(&made(11, 0, b"    \0")), None);
        assert_eq!(serial(&made(11, 0, b"\xFF\xFE\0")), None);
        let whole = made(11, 0, b"S3Z8NB0K\0");
        for cut in 0..36 {
            assert_eq!(serial(&whole[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn hexadecimal_ata_words_become_text() {
        let told = "2020202057202d44585731303345333132303036";
        assert_eq!(unswapped(told).as_deref(), Some("     WD-WX01E3130260"));
        assert_eq!(serial(&made(3, 0, told.as_bytes())).as_deref(), Some("WD-WX01E3130260"));
        // A number that only looks alike stays as it is.
        assert_eq!(unswapped("50026B7282ABCDEF"), None);
        assert_eq!(unswapped(&"00".repeat(20)), None);
    }
}
