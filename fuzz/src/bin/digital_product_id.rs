//! Data of `DigitalProductId` values: every input is a value or an error, and a blanked one gives no product key.
#![no_main]

use keystow_core::product_id::{DigitalProductId, KeyState};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = KeyState::parse_bare(data);
    let Ok(value) = DigitalProductId::parse(data) else { return };
    assert!(value.checks().is_sorted_by(|a, b| a.name < b.name));
    assert!(value.key().product_key().is_none_or(|key| !key.is_blank()));
    match &value {
        DigitalProductId::V3(value) => drop(value.product_id()),
        DigitalProductId::V4(value) => drop(value.extended_pid()),
        _ => assert!(data.iter().all(|byte| *byte == 0)),
    }
});
