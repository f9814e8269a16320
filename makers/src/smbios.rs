//! Makes SMBIOS structure tables: structures with their texts, and what Windows puts in front of a table.

/// What the structure of the system (type 1) says.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SystemFacts<'a> {
    pub manufacturer: &'a str,
    pub product_name: &'a str,
    pub serial_number: &'a str,
    /// The bytes as they stand in the table.
    pub uuid: [u8; 16],
}

/// What the structure of a board (type 2) says.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BoardFacts<'a> {
    pub manufacturer: &'a str,
    pub product: &'a str,
    pub serial_number: &'a str,
    /// Bit 0 says that it hosts the other boards.
    pub features: u8,
    /// 0x0A is a motherboard.
    pub board_type: u8,
}

impl Default for SystemFacts<'_> {
    fn default() -> Self {
        Self {
            manufacturer: "Keystow Works",
            product_name: "Notebook 14",
            serial_number: "KW14-000731",
            uuid: *b"\x31\x07\x5e\x1f\x20\x4b\xd1\x48keystow\x01",
        }
    }
}

impl Default for BoardFacts<'_> {
    fn default() -> Self {
        Self {
            manufacturer: "Keystow Works",
            product: "NB14-MB",
            serial_number: "MB14-990215",
            features: 1,
            board_type: 0x0A,
        }
    }
}

impl SystemFacts<'_> {
    /// The structure, with handle 1.
    #[must_use]
    pub fn make(&self) -> Vec<u8> {
        let mut fields = vec![1, 2, 0, 3];
        fields.extend(self.uuid);
        // Woken by the power switch; neither SKU number nor family.
        fields.extend([6, 0, 0]);
        structure(1, 1, &fields, &[self.manufacturer, self.product_name, self.serial_number])
    }
}

impl BoardFacts<'_> {
    /// The structure, with handle 2.
    #[must_use]
    pub fn make(&self) -> Vec<u8> {
        // Neither version nor asset tag nor place; chassis handle 3, and no objects inside.
        let fields = [1, 2, 0, 3, 0, self.features, 0, 3, 0, self.board_type, 0];
        structure(2, 2, &fields, &[self.manufacturer, self.product, self.serial_number])
    }
}

/// One structure: its header, `fields` behind it, and its texts.
#[must_use]
pub fn structure(kind: u8, handle: u16, fields: &[u8], texts: &[&str]) -> Vec<u8> {
    let mut out = vec![kind, 4 + fields.len() as u8];
    out.extend(handle.to_le_bytes());
    out.extend(fields);
    for text in texts {
        out.extend(text.bytes());
        out.push(0);
    }
    out.extend(if texts.is_empty() { &[0, 0][..] } else { &[0] });
    out
}

/// A whole table: these structures and the end-of-table structure.
#[must_use]
pub fn table(structures: &[Vec<u8>]) -> Vec<u8> {
    let mut out = structures.concat();
    out.extend(structure(127, 0xFEFF, &[], &[]));
    out
}

/// The table with the eight bytes that Windows puts in front, SMBIOS 3.4.
#[must_use]
pub fn windows(table: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 3, 4, 0];
    out.extend((table.len() as u32).to_le_bytes());
    out.extend(table);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_is_header_fields_and_texts_that_end_with_two_zeros() {
        assert_eq!(structure(3, 0x0102, &[9], &["a", "b"]), *b"\x03\x05\x02\x01\x09a\0b\0\0");
        assert_eq!(structure(127, 1, &[], &[]), [127, 4, 1, 0, 0, 0]);
    }
}
