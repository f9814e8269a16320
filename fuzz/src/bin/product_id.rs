//! Texts of Product IDs: every input is one or an error, and what was read survives the round trip.
#![no_main]

use keystow_core::product_id::{ExtendedPid, ProductId};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(id) = ProductId::parse(text) {
        let _ = (id.check_digit_ok(), id.is_oem(), id.agrees_with_group(3308));
        assert_eq!(ProductId::parse(&id.to_string()), Ok(id));
    }
    if let Ok(pid) = ExtendedPid::parse(text) {
        let _ = pid.date();
        assert_eq!(ExtendedPid::parse(&pid.to_string()), Ok(pid));
    }
});
