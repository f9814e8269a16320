//! SLIC tables: every input is a table or an error, and the walk over its parts ends.
#![no_main]

use keystow_core::acpi::{Slic, TableKind};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(table) = Slic::parse(data) {
        assert_eq!(TableKind::recognise(data), Some(TableKind::Slic));
        assert!(!table.is_intact() || table.marker().is_some());
    }
});
