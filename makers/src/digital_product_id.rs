//! Makes `DigitalProductId` values of versions 3 and 4, with the right CRC and hashes.
//!
//! What is asked for is written as it is, wrong or not; only the CRC and the hashes are worked out, last, so that a
//! test can edit the bytes afterwards and see the check fail.

use crc::{CRC_32_JAMCRC, Crc};
use sha2::{Digest, Sha256};

/// The 16 bytes of the published product key that Windows 10 and 11 Pro install by default: group 3308, serial 0.
pub const PRO_DEFAULT: [u8; 16] = [0xEC, 0x0C, 0, 0, 0, 0, 0xA8, 0xD2, 0x7B, 0x6E, 0x89, 0x81, 0x4F, 0x6D, 0x09, 0];

/// What a value of version 3 holds.
#[derive(Clone, Debug)]
pub struct V3<'a> {
    /// The Product ID, 24 bytes at most.
    pub product_id: &'a str,
    /// The group ID.
    pub group: u32,
    /// The part number, 16 bytes at most.
    pub part_number: &'a str,
    /// The packed product key.
    pub key: [u8; 16],
    /// Seconds since 1970.
    pub time: u32,
    /// A random number.
    pub random: u32,
    /// 0 retail, 2 OEM, 3 volume.
    pub license: u32,
    /// The two hardware blocks, static and dynamic.
    pub hardware: [[u8; 28]; 2],
}

/// What a value of version 4 holds.
#[derive(Clone, Debug)]
pub struct V4<'a> {
    /// The extended PID, 64 units at most.
    pub extended_pid: &'a str,
    /// The activation ID, 64 units at most.
    pub activation_id: &'a str,
    /// The edition, 260 units at most.
    pub edition: &'a str,
    /// The upgrade flag.
    pub is_upgrade: bool,
    /// The packed product key.
    pub key: [u8; 16],
    /// The part number, 64 units at most.
    pub part_number: &'a str,
    /// The channel, 64 units at most.
    pub channel: &'a str,
    /// The EULA type, 64 units at most.
    pub eula: &'a str,
}

impl Default for V3<'_> {
    /// Windows 10 Pro with its default product key.
    fn default() -> Self {
        Self {
            product_id: "00330-80000-00000-AA965",
            group: 3308,
            part_number: "[TH]X19-98841",
            key: PRO_DEFAULT,
            time: 1_700_000_000,
            random: 0x1234_5678,
            license: 0,
            hardware: [[0; 28]; 2],
        }
    }
}

impl Default for V4<'_> {
    /// Windows 11 Pro with its default product key.
    fn default() -> Self {
        Self {
            extended_pid: "03612-03308-000-000000-00-1033-26100.0000-1182025",
            activation_id: "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c",
            edition: "Professional",
            is_upgrade: false,
            key: PRO_DEFAULT,
            part_number: "[TH]X19-98841",
            channel: "Retail",
            eula: "Retail",
        }
    }
}

impl V3<'_> {
    /// The 164 bytes.
    #[must_use]
    pub fn make(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(164);
        out.extend(164_u32.to_le_bytes());
        out.extend([3, 0, 0, 0]);
        push_ascii(&mut out, self.product_id, 24);
        out.extend(self.group.to_le_bytes());
        push_ascii(&mut out, self.part_number, 16);
        out.extend(self.key);
        out.extend([0; 4]);
        out.extend(self.time.to_le_bytes());
        out.extend(self.random.to_le_bytes());
        out.extend(self.license.to_le_bytes());
        out.extend([0; 8 + 8 + 4]);
        out.extend(self.hardware.as_flattened());
        let crc = Crc::<u32>::new(&CRC_32_JAMCRC).checksum(&out);
        out.extend(crc.to_le_bytes());
        out
    }
}

impl V4<'_> {
    /// The 1272 bytes.
    #[must_use]
    pub fn make(&self) -> Vec<u8> {
        let before = self.before_hashes();
        let after = self.after_hashes();
        let key_hash = Sha256::digest(self.key);
        let whole_hash = Sha256::new()
            .chain_update(&before)
            .chain_update(key_hash)
            .chain_update([0; 32])
            .chain_update(&after)
            .finalize();
        [before, key_hash.to_vec(), whole_hash.to_vec(), after].concat()
    }

    fn before_hashes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1272);
        out.extend(1272_u32.to_le_bytes());
        out.extend([4, 0, 0, 0]);
        push_utf16(&mut out, self.extended_pid, 64);
        push_utf16(&mut out, self.activation_id, 64);
        push_utf16(&mut out, "", 8);
        push_utf16(&mut out, self.edition, 260);
        out.extend([u8::from(self.is_upgrade), 0, 0, 0, 0, 0, 0, 0]);
        out.extend(self.key);
        out
    }

    fn after_hashes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_utf16(&mut out, self.part_number, 64);
        push_utf16(&mut out, self.channel, 64);
        push_utf16(&mut out, self.eula, 64);
        out
    }
}

fn push_ascii(out: &mut Vec<u8>, text: &str, len: usize) {
    let end = out.len() + len;
    out.extend(text.bytes().take(len));
    out.resize(end, 0);
}

fn push_utf16(out: &mut Vec<u8>, text: &str, units: usize) {
    let end = out.len() + 2 * units;
    out.extend(text.encode_utf16().take(units).flat_map(u16::to_le_bytes));
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_of_windows() {
        assert_eq!(V3::default().make().len(), 164);
        assert_eq!(V4::default().make().len(), 1272);
    }

    #[test]
    fn a_text_too_long_for_its_field_does_not_move_the_next() {
        let long = "x".repeat(300);
        let value = V4 { channel: &long, edition: &long, ..V4::default() }.make();
        assert_eq!(value.len(), 1272);
        assert_eq!(value[0x328..0x338], PRO_DEFAULT);
    }
}
