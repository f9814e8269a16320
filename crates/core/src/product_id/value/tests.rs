//! What the values of both versions say, whole, cut, blanked and edited.

use keystow_makers::digital_product_id::{PRO_DEFAULT, V3, V4};
use proptest::prelude::*;

use super::super::{ExtendedPid, LicenseKind, ProductId};
use super::*;

fn v3(bytes: &[u8]) -> DigitalProductId3 {
    match DigitalProductId::parse(bytes) {
        Ok(DigitalProductId::V3(value)) => *value,
        other => panic!("{other:?}"),
    }
}

fn v4(bytes: &[u8]) -> DigitalProductId4 {
    match DigitalProductId::parse(bytes) {
        Ok(DigitalProductId::V4(value)) => *value,
        other => panic!("{other:?}"),
    }
}

/// The names of the checks that came out so.
fn named(checks: &[Check], outcome: Outcome) -> Vec<&'static str> {
    checks.iter().filter(|check| check.outcome == outcome).map(|check| check.name.as_str()).collect()
}

const V3_CHECKS: [&str; 6] = ["crc", "group-in-key", "group-in-product-id", "header", "key-checksum", "serial-in-key"];
const V4_CHECKS: [&str; 6] = ["group-in-key", "header", "key-checksum", "key-hash", "serial-in-key", "whole-hash"];

#[test]
fn version_3_gives_every_field_and_all_its_checks_pass() {
    let value = v3(&V3::default().make());
    assert_eq!(value.product_id.as_deref(), Some("00330-80000-00000-AA965"));
    assert_eq!((value.group, value.part_number.as_deref()), (3308, Some("[TH]X19-98841")));
    assert_eq!(value.key.product_key().unwrap().reveal().as_str(), "VK7JG-NPHTM-C97JM-9MPGT-3V66T");
    assert_eq!(value.time.unwrap().to_string(), "2023-11-14T22:13:20Z");
    assert_eq!((value.random, value.license), (Some(0x1234_5678), Some(LicenseKind::Retail)));
    assert_eq!((value.oem_id, value.static_hardware, value.dynamic_hardware), (None, None, None));
    assert_eq!((value.clone_status, value.bundle_id), (Some(0), Some(0)));
    assert_eq!(named(&value.checks, Outcome::Passed), V3_CHECKS);
}

#[test]
fn version_4_gives_every_field_and_all_its_checks_pass() {
    let value = v4(&V4::default().make());
    assert_eq!(value.extended_pid(), ExtendedPid::parse("03612-03308-000-000000-00-1033-26100.0000-1182025").ok());
    assert_eq!(value.activation_id.as_deref(), Some("4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c"));
    assert_eq!((value.oem_id, value.edition.as_deref()), (None, Some("Professional")));
    assert_eq!((value.part_number.as_deref(), value.channel.as_deref()), (Some("[TH]X19-98841"), Some("Retail")));
    assert_eq!((value.eula.as_deref(), value.is_upgrade), (Some("Retail"), false));
    assert_eq!(value.key.product_key().unwrap().reveal().as_str(), "VK7JG-NPHTM-C97JM-9MPGT-3V66T");
    assert_eq!(named(&value.checks, Outcome::Passed), V4_CHECKS);
    assert!(v4(&V4 { is_upgrade: true, ..V4::default() }.make()).is_upgrade);
}

#[test]
fn a_windows_7_value_shows_its_group_although_its_product_key_does_not() {
    let key = ProductKey::parse("FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4").unwrap();
    let maker = V3 { product_id: "55041-123-1234567-86624", group: 173, key: key.pack(), ..V3::default() };
    let value = v3(&maker.make());
    assert_eq!(value.key, KeyState::Present(key));
    assert_eq!(named(&value.checks, Outcome::Passed), ["check-digit", "crc", "group-in-product-id", "header"]);
    let edited = v3(&V3 { group: 174, ..maker }.make());
    assert_eq!(named(&edited.checks, Outcome::Failed), ["group-in-product-id"]);
}

#[test]
fn the_hardware_of_windows_xp_is_read() {
    let mut block = [0; 28];
    for (i, byte) in block.iter_mut().enumerate() {
        *byte = i as u8;
    }
    let value = v3(&V3 { hardware: [block, [0; 28]], ..V3::default() }.make());
    let hardware = value.static_hardware.unwrap();
    assert_eq!((hardware.id, hardware.kind), ([0, 1, 2, 3, 4, 5, 6, 7], 0x0B0A_0908));
    assert_eq!((hardware.bios_checksum, hardware.volume_serial), (0x0F0E_0D0C, 0x1312_1110));
    assert_eq!((hardware.memory, hardware.video_bios_checksum), (0x1716_1514, 0x1B1A_1918));
    assert_eq!(value.dynamic_hardware, None);
}

#[test]
fn a_blanked_value_keeps_everything_but_the_product_key() {
    let value = DigitalProductId::parse(&V3 { key: [0; 16], ..V3::default() }.make()).unwrap();
    assert_eq!((value.key(), value.key().product_key()), (&KeyState::Blanked, None));
    assert_eq!((value.group(), value.part_number()), (Some(3308), Some("[TH]X19-98841")));
    assert_eq!(named(value.checks(), Outcome::Passed), ["crc", "group-in-product-id", "header"]);
    // The last byte is not part of the product key.
    let mut last = [0; 16];
    last[15] = 1;
    assert_eq!(v3(&V3 { key: last, ..V3::default() }.make()).key, KeyState::Blanked);
    assert_eq!(v4(&V4 { key: [0; 16], ..V4::default() }.make()).key, KeyState::Blanked);
    assert!(!format!("{value:?}").contains("BBBBB"));
}

#[test]
fn the_zeros_of_wine_are_a_placeholder_and_not_a_blanked_product_key() {
    let value = DigitalProductId::parse(&[0; 164]).unwrap();
    assert_eq!(value, DigitalProductId::Placeholder { len: 164 });
    assert_eq!(value.key(), &KeyState::Placeholder);
    assert!(value.checks().is_empty());
    assert!(DigitalProductId::parse(&[0; 20]).is_err());
}

#[test]
fn version_3_is_read_as_long_as_its_product_key_is_there() {
    let bytes = V3::default().make();
    let value = v3(&bytes[..0x44]);
    assert!(value.key.product_key().is_some());
    assert_eq!((value.clone_status, value.time, value.license), (None, None, None));
    assert_eq!(named(&value.checks, Outcome::Missing), ["crc"]);
    assert_eq!(named(&v3(&bytes[..156]).checks, Outcome::Missing), ["crc"]);
    let error = DigitalProductId::parse(&bytes[..0x43]).unwrap_err().to_string();
    assert_eq!(error, "the product key at 0x34 needs 16 bytes, the value has 15 left");
    let error = DigitalProductId::parse(&bytes[..7]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "the product key at 0x34 needs 16 bytes, the value has 0 left");
    let error = DigitalProductId::parse(&bytes[..5]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "the header at 0x0 needs 8 bytes, the value has 5 left");
}

#[test]
fn version_4_is_read_as_long_as_its_product_key_is_there() {
    let bytes = V4::default().make();
    let value = v4(&bytes[..0x338]);
    assert!(value.key.product_key().is_some());
    assert_eq!((value.edition.as_deref(), value.channel), (Some("Professional"), None));
    assert_eq!(named(&value.checks, Outcome::Missing), ["key-hash", "whole-hash"]);
    assert_eq!(named(&v4(&bytes[..0x4F7]).checks, Outcome::Missing), ["whole-hash"]);
    let error = DigitalProductId::parse(&bytes[..0x337]).unwrap_err().to_string();
    assert_eq!(error, "the product key at 0x328 needs 16 bytes, the value has 15 left");
}

#[test]
fn bytes_after_the_end_change_nothing() {
    let (mut three, mut four) = (V3::default().make(), V4::default().make());
    three.resize(1272, 7);
    four.resize(1288, 7);
    assert_eq!(named(&v3(&three).checks, Outcome::Passed), V3_CHECKS);
    assert_eq!(named(&v4(&four).checks, Outcome::Passed), V4_CHECKS);
}

#[test]
fn the_version_decides_and_then_the_size_but_never_the_length() {
    let mut bytes = V4::default().make();
    bytes[4] = 9;
    assert_eq!(named(&v4(&bytes).checks, Outcome::Failed), ["header", "whole-hash"]);
    bytes[0] = 0;
    let error = DigitalProductId::parse(&bytes).unwrap_err().to_string();
    assert_eq!(error, "the value says version 9 and size 0x400; known are version 3 (0xa4) and version 4 (0x4f8)");
    let mut bytes = V3::default().make();
    bytes[0] = 0;
    assert_eq!(named(&v3(&bytes).checks, Outcome::Failed), ["crc", "header"]);
}

#[test]
fn an_edited_product_key_fails_every_check_that_touches_it() {
    let other = ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GX").unwrap();
    let mut three = V3::default().make();
    three[0x34..0x44].copy_from_slice(&other.pack());
    assert_eq!(named(&v3(&three).checks, Outcome::Failed), ["crc", "group-in-key", "serial-in-key"]);
    let mut four = V4::default().make();
    four[0x328..0x338].copy_from_slice(&other.pack());
    let failed = ["group-in-key", "key-hash", "serial-in-key", "whole-hash"];
    assert_eq!(named(&v4(&four).checks, Outcome::Failed), failed);
    let mut typo = PRO_DEFAULT;
    typo[7] ^= 1;
    assert_eq!(named(&v3(&V3 { key: typo, ..V3::default() }.make()).checks, Outcome::Failed), ["key-checksum"]);
}

#[test]
fn bytes_that_are_no_product_key_leave_the_rest_readable() {
    let value = v3(&V3 { key: [0xFF; 16], ..V3::default() }.make());
    assert_eq!(value.key, KeyState::Unreadable(KeyError::Range));
    assert!(matches!(value.product_id(), Some(ProductId::Modern(_))));
}

#[test]
fn a_bare_product_key_is_16_bytes_and_nothing_else() {
    let key = KeyState::parse_bare(&PRO_DEFAULT).unwrap();
    assert_eq!(key.product_key().unwrap().partial().as_str(), "3V66T");
    assert_eq!(KeyState::parse_bare(&[0; 16]), Ok(KeyState::Blanked));
    let error = KeyState::parse_bare(&PRO_DEFAULT[..15]).unwrap_err().to_string();
    assert_eq!(error, "the product key at 0x0 needs 16 bytes, the value has 15 left");
}

#[test]
fn the_stored_hash_tells_its_product_key_from_another_and_is_not_printed() {
    let hash = v4(&V4::default().make()).key_hash.unwrap();
    assert!(hash.is_of(&ProductKey::unpack(&PRO_DEFAULT).unwrap()));
    assert!(!hash.is_of(&ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GX").unwrap()));
    assert_eq!(format!("{hash:?}"), "KeyHash(…)");
}

#[test]
fn printing_a_value_shows_the_last_group_at_most() {
    for bytes in [V3::default().make(), V4::default().make()] {
        let shown = format!("{:?}", DigitalProductId::parse(&bytes).unwrap());
        assert!(shown.contains("ProductKey(…3V66T)") && !shown.contains("VK7JG"), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..1400), major in 2_u8..6) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.get_mut(4..6) {
            byte.copy_from_slice(&[major, 0]);
        }
        if let Ok(value) = DigitalProductId::parse(&bytes) {
            prop_assert!(value.checks().is_sorted_by(|a, b| a.name < b.name));
        }
    }

    #[test]
    fn one_changed_byte_never_passes_every_check(at in 0_usize..164, by in 1_u8..=255) {
        let mut bytes = V3::default().make();
        bytes[at] ^= by;
        let passed = DigitalProductId::parse(&bytes)
            .is_ok_and(|value| value.checks().iter().all(|check| check.outcome == Outcome::Passed));
        prop_assert!(!passed, "byte {at:#x}");
    }
}
