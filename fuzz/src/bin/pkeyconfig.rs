//! pkeyconfig files: every input is a file or an error, and a file answers for any group and serial.
#![no_main]

use keystow_core::KeyForm;
use keystow_core::identify::PartNumber;
use keystow_core::identify::pkeyconfig::PkeyConfig;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(file) = PkeyConfig::parse(data) {
        for form in [KeyForm::Pkey2005, KeyForm::Pkey2009] {
            let _ = file.find(form, 3308, 0);
            let _ = file.find(form, u32::MAX, u32::MAX);
        }
        let _ = PartNumber::parse("X19-98841").and_then(|part| file.by_part_number(&part));
    }
    // The inner document alone, so that the fuzzer need not learn base64.
    if let Ok(file) = PkeyConfig::parse_inner(data) {
        let _ = file.find(KeyForm::Pkey2009, 3308, 0);
    }
});
