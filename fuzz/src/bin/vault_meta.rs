//! The public files of a vault, an opened identity and a typed phrase: every input is a value or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keystow_vault::fuzz::meta(data));
