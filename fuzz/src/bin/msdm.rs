//! MSDM tables: every input is a table or an error, whatever its lengths say.
#![no_main]

use keystow_core::acpi::{Msdm, TableKind};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if Msdm::parse(data).is_ok() {
        assert_eq!(TableKind::recognise(data), Some(TableKind::Msdm));
    }
});
