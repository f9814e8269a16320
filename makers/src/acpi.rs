//! Makes firmware tables, MSDM and SLIC among them, with the right checksum, and the text `acpidump` prints of them.

/// The published product key that Windows 10 and 11 Pro install by default.
pub const DEFAULT_KEY: &str = "VK7JG-NPHTM-C97JM-9MPGT-3V66T";

/// The names in a table's header.
#[derive(Clone, Copy, Debug)]
pub struct Ids<'a> {
    /// 6 bytes at most; filled up with spaces.
    pub oem_id: &'a str,
    /// 8 bytes at most; filled up with spaces.
    pub oem_table_id: &'a str,
    /// The OEM revision.
    pub oem_revision: u32,
    /// 4 bytes at most; filled up with spaces.
    pub creator_id: &'a str,
    /// The creator revision.
    pub creator_revision: u32,
}

/// What an MSDM table holds.
#[derive(Clone, Copy, Debug)]
pub struct MsdmTable<'a> {
    /// The names in the header.
    pub ids: Ids<'a>,
    /// 1 says product key.
    pub data_type: u32,
    /// The data.
    pub data: &'a [u8],
    /// The data length that the table states, when it is to be wrong.
    pub stated_length: Option<u32>,
}

/// What a SLIC table holds.
#[derive(Clone, Copy, Debug)]
pub struct SlicTable<'a> {
    /// The names in the header.
    pub ids: Ids<'a>,
    /// The names in the marker.
    pub marker: Ids<'a>,
    /// `WINDOWS ` in a real table.
    pub flag: [u8; 8],
    /// 0x20000 is 2.0, 0x20001 is 2.1.
    pub version: u32,
}

impl Default for Ids<'_> {
    fn default() -> Self {
        Self {
            oem_id: "KEYSTW",
            oem_table_id: "NOTEBOOK",
            oem_revision: 1,
            creator_id: "KSTW",
            creator_revision: 0x0100_0000,
        }
    }
}

impl Default for MsdmTable<'_> {
    /// A notebook that was sold with Windows 10 Pro.
    fn default() -> Self {
        Self { ids: Ids::default(), data_type: 1, data: DEFAULT_KEY.as_bytes(), stated_length: None }
    }
}

impl Default for SlicTable<'_> {
    /// A notebook that was sold with Windows 7.
    fn default() -> Self {
        Self { ids: Ids::default(), marker: Ids::default(), flag: *b"WINDOWS ", version: 0x20001 }
    }
}

impl MsdmTable<'_> {
    /// The table: 56 bytes and the data.
    #[must_use]
    pub fn make(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        let length = self.stated_length.unwrap_or(self.data.len() as u32);
        for number in [1, 0, self.data_type, 0, length] {
            payload.extend(u32::to_le_bytes(number));
        }
        payload.extend(self.data);
        table(*b"MSDM", 3, &self.ids, &payload)
    }
}

impl SlicTable<'_> {
    /// The table, 374 bytes. Modulus and signature are patterns: they sign nothing.
    #[must_use]
    pub fn make(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        push_numbers(&mut payload, &[0, 0x9C]);
        payload.extend([6, 2, 0, 0]);
        push_numbers(&mut payload, &[0x2400]);
        payload.extend(b"RSA1");
        push_numbers(&mut payload, &[1024, 65537]);
        payload.extend([0xA5; 128]);
        push_numbers(&mut payload, &[1, 0xB6, 0x20000]);
        push_padded(&mut payload, self.marker.oem_id, 6);
        push_padded(&mut payload, self.marker.oem_table_id, 8);
        payload.extend(self.flag);
        push_numbers(&mut payload, &[self.version]);
        payload.extend([0; 16]);
        payload.extend([0x5A; 128]);
        table(*b"SLIC", 1, &self.ids, &payload)
    }
}

/// Any table: the 36 bytes of the header, with the right length and checksum, and `payload`.
#[must_use]
pub fn table(signature: [u8; 4], revision: u8, ids: &Ids<'_>, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(36 + payload.len());
    out.extend(signature);
    push_numbers(&mut out, &[36 + payload.len() as u32]);
    out.extend([revision, 0]);
    push_padded(&mut out, ids.oem_id, 6);
    push_padded(&mut out, ids.oem_table_id, 8);
    push_numbers(&mut out, &[ids.oem_revision]);
    push_padded(&mut out, ids.creator_id, 4);
    push_numbers(&mut out, &[ids.creator_revision]);
    out.extend(payload);
    let sum = out.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if let Some(checksum) = out.get_mut(9) {
        *checksum = sum.wrapping_neg();
    }
    out
}

/// The text that `acpidump` prints of these tables.
#[must_use]
pub fn dump(tables: &[(&str, &[u8])]) -> String {
    let mut out = String::new();
    for (name, bytes) in tables {
        out += &format!("{name} @ 0x0000000000000000\n");
        for (line, bytes) in bytes.chunks(16).enumerate() {
            let hex: String = bytes.iter().map(|byte| format!(" {byte:02X}")).collect();
            let shown: String = bytes.iter().map(|byte| shown(*byte)).collect();
            out += &format!("{:>8}:{hex:<48}  {shown}\n", format!("{:04X}", line * 16));
        }
        out.push('\n');
    }
    out
}

fn shown(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}

fn push_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn push_padded(out: &mut Vec<u8>, text: &str, len: usize) {
    let end = out.len() + len;
    out.extend(text.bytes().take(len));
    out.resize(end, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_adds_up_to_zero() {
        for table in [MsdmTable::default().make(), SlicTable::default().make()] {
            assert_eq!(table.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 256, 0);
        }
    }

    #[test]
    fn a_dump_has_a_heading_and_lines_of_sixteen_bytes() {
        let text = dump(&[("MSDM", &[0x41; 17])]);
        assert_eq!(
            text,
            "MSDM @ 0x0000000000000000\n    0000: 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  AAAAAAAAAAAAAAAA\n    \
             0010: 41                                               A\n\n"
        );
    }
}
