//! Texts of tables: reading ends, and the tables are never larger than the text that carried them.
#![no_main]

use keystow_core::acpi::{MAX_TABLE_LEN, Msdm, TableKind, Tables};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = TableKind::recognise(data);
    let mut total = 0;
    for table in Tables::new(data).flatten() {
        assert!(!table.bytes().is_empty() && table.bytes().len() <= MAX_TABLE_LEN);
        total += table.bytes().len();
        let _ = Msdm::parse(table.bytes());
    }
    assert!(total * 3 <= data.len());
});
