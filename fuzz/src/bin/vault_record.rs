//! The text of a vault record: every input is a list of entries or an error, and what was understood survives the
//! round trip.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keystow_vault::fuzz::body(data));
