//! SMBIOS tables: every input is a table or an error, and both roads to the same table agree.
#![no_main]

use keystow_core::device::DeviceIdentity;
use keystow_core::smbios::Smbios;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Smbios::parse_windows(data);
    let mut framed = vec![0, 3, 4, 0];
    framed.extend((data.len() as u32).to_le_bytes());
    framed.extend(data);
    let table = Smbios::parse(data);
    assert_eq!(table, Smbios::parse_windows(&framed));
    if let Ok(table) = table {
        let identity = DeviceIdentity::of_smbios(&table);
        assert_eq!(DeviceIdentity::from_map(&identity.to_map()), identity);
    }
});
