//! Typed text and stored key fields: every input is a product key or an error, and a key survives the round trip.
#![no_main]

use keystow_core::ProductKey;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = ProductKey::parse(text);
    }
    if let Some(Ok(key)) = data.first_chunk::<16>().map(ProductKey::unpack) {
        assert_eq!(ProductKey::parse(key.reveal().as_str()).as_ref(), Ok(&key));
    }
});
